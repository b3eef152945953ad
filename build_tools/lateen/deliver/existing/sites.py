"""The places of a configuration that traffic passes: connection managers and TCP proxies, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lateen.deliver.existing.configuration import Configuration
from lateen.schema import Schema
from lateen.schema.path import At, path_of, steps_of
from lateen.schema.walk import Node
from lateen.xds.snapshot import Config

LISTENER = "envoy.config.listener.v3.Listener"
CLUSTER = "envoy.config.cluster.v3.Cluster"
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"

_METRICS_PATH = "/stats/prometheus"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1", "localhost": "127.0.0.1"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Site:
    """A message `config` of the type MANAGER or TCP_PROXY, and the listener around it (None in an extension config).

    Both are parts of a Configuration's `config`, to be changed in place.
    """

    file: Configuration
    type: str
    path: str
    config: Config
    listener: Config | None


def sites(files: Iterable[Configuration], schema: Schema) -> list[Site]:
    """Every site, but for connection managers that only serve Envoy's admin interface."""
    files = list(files)
    admin = admin_clusters(files, schema)
    return [site for file in files for site in _sites(file, schema) if not _leads_only_to(admin, site)]


def _leads_only_to(clusters: frozenset[str], site: Site) -> bool:
    routes = _routes(site.config)
    return bool(routes) and all(read(route.get("route"), "cluster") in clusters for route in routes)


def _sites(file: Configuration, schema: Schema) -> Iterator[Site]:
    listeners: dict[int, Config] = {}
    for node in schema.walk(file.message, file.config):
        if node.type == LISTENER:
            listeners[id(node.at)] = _original(file.config, node)
        elif node.type in (MANAGER, TCP_PROXY):
            around = next((listeners[id(at)] for at in _outward(node.at) if id(at) in listeners), None)
            yield Site(file, node.type, path_of(node.at), _original(file.config, node), around)


def _outward(at: At) -> Iterator[At]:
    while at is not None:
        at = at[0]
        yield at


def _original(root: Config, node: Node) -> Config:
    """The message in the file's own spelling; a walk may give a copy."""
    value: Any = root
    for step in steps_of(node.at):
        value = value[step]
    message: Config = value
    return message


def spelled(message: Config, name: str) -> str:
    """The key under which a message has a field: in lowerCamelCase if that is how it is there."""
    first, *rest = name.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    return camel if camel in message else name


def read(message: Any, name: str, default: Any = None) -> Any:
    """The value of a field in either spelling; the default if it is not set."""
    value = message.get(spelled(message, name)) if isinstance(message, dict) else None
    return default if value is None else value


def inner(message: Config, name: str, empty: type[dict[str, Any]] | type[list[Any]] = dict) -> Any:
    """The message or list in a field, made if it is not set."""
    key = spelled(message, name)
    if message.get(key) is None:
        message[key] = empty()
    return message[key]


def bootstrap(files: Iterable[Configuration]) -> Configuration | None:
    """The bootstrap among the files."""
    return next((file for file in files if file.message.endswith(".Bootstrap")), None)


def admin_address(files: Iterable[Configuration]) -> Config | None:
    """Where this Envoy itself reaches its admin interface; None if that is closed or its port is not known."""
    file = bootstrap(files)
    return _reachable(read(read(file.config, "admin"), "address")) if file else None


def admin_clusters(files: Iterable[Configuration], schema: Schema) -> frozenset[str]:
    """The clusters whose hosts are the admin interface."""
    files = list(files)
    admin = admin_address(files)
    if admin is None:
        return frozenset()
    clusters = (node.value for file in files for node in schema.walk(file.message, file.config) if node.type == CLUSTER)
    return frozenset(str(cluster.get("name")) for cluster in clusters if [*_hosts(cluster)] == [admin])


def _hosts(cluster: Config) -> Iterator[Config | None]:
    for locality in read(read(cluster, "load_assignment"), "endpoints", []):
        for host in read(locality, "lb_endpoints", []):
            yield _reachable(read(read(host, "endpoint"), "address"))


def _reachable(address: Any) -> Config | None:
    """The address as this Envoy would call it, in one form; None without a fixed port."""
    if pipe := read(address, "pipe"):
        return {"pipe": {"path": pipe.get("path")}}
    socket = read(address, "socket_address")
    host, port = str(read(socket, "address", "")), read(socket, "port_value", 0)
    return {"socket_address": {"address": _WILDCARDS.get(host, host), "port_value": port}} if port else None


def serves_metrics(files: Iterable[Configuration], schema: Schema) -> bool:
    """Whether some listener leads to the metrics of the admin interface."""
    files = list(files)
    admin = admin_clusters(files, schema)
    routes = (route for file in files for site in _sites(file, schema) for route in _routes(site.config))
    return any(read(r.get("route"), "cluster") in admin and _reaches_metrics(r) for r in routes)


def _reaches_metrics(route: Config) -> bool:
    match, action = route.get("match"), route.get("route")
    asked = read(match, "path") or read(match, "prefix")
    rewritten = read(action, "prefix_rewrite")
    if rewritten is not None:
        return str(rewritten).startswith(_METRICS_PATH)
    return isinstance(asked, str) and _METRICS_PATH.startswith(asked)


def _routes(manager: Config) -> list[Config]:
    hosts = read(read(manager, "route_config"), "virtual_hosts", [])
    return [route for host in hosts for route in read(host, "routes", [])]
