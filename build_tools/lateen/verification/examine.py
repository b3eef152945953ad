"""One resource by itself: its schema, the rules on it, and what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lateen.diagnostics.codes.verify import (
    ABSENT_FILTER,
    NO_ENDPOINTS,
    SCHEMA,
    UNKNOWN_CLUSTER,
    UNKNOWN_EXTENSION,
    UNKNOWN_ROUTES,
    UNKNOWN_SECRET,
)
from lateen.schema import Schema
from lateen.schema.walk import Node
from lateen.verification.problem import Problem, Reference
from lateen.verification.rules import RULES
from lateen.verification.rules.addresses import claims
from lateen.verification.rules.connection_managers import MANAGER

_CLUSTER = "envoy.config.cluster.v3.Cluster"
_ROUTES = "envoy.config.route.v3.RouteConfiguration"
_CLUSTER_FIELDS = {
    "envoy.config.core.v3.GrpcService.EnvoyGrpc": "cluster_name",
    "envoy.config.core.v3.HttpUri": "cluster",
    "envoy.config.metrics.v3.StatsdSink": "tcp_cluster_name",
    "envoy.config.route.v3.RouteAction": "cluster",
    "envoy.config.route.v3.RouteAction.RequestMirrorPolicy": "cluster",
    "envoy.config.route.v3.WeightedCluster.ClusterWeight": "name",
    "envoy.config.trace.v3.DatadogConfig": "collector_cluster",
    "envoy.config.trace.v3.LightstepConfig": "collector_cluster",
    "envoy.config.trace.v3.ZipkinConfig": "collector_cluster",
    "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig": "cluster",
    "envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route": "cluster",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy": "cluster",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight": "name",
    "envoy.extensions.filters.udp.udp_proxy.v3.Route": "cluster",
    "envoy.extensions.tracers.fluentd.v3.FluentdConfig": "cluster",
}
"""The fields of Envoy's API that name a cluster which must exist."""

_DECLARED = {_CLUSTER: "clusters", "envoy.extensions.transport_sockets.tls.v3.Secret": "secrets"}


@dataclass(frozen=True, slots=True)
class Override:
    """A setting at `path` of a route configuration for the HTTP filter of that name."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What one resource gives by itself.

    `overrides` are the settings per filter of a route configuration (empty for other resources), `filters` the HTTP
    filter names of each connection manager by the route configuration that it takes by discovery, `addresses` what
    listeners claim, and `declared` the clusters and secrets that stand in it (a bootstrap has some).
    """

    problems: tuple[Problem, ...]
    references: tuple[Reference, ...] = ()
    overrides: tuple[Override, ...] = ()
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    declared: tuple[tuple[str, str], ...] = ()


def examine(schema: Schema, type_url: str, config: dict[str, Any]) -> Examined:
    """Look at one resource. What does not fit the schema is not looked at further: rules rely on its shape."""
    violations = schema.validate(type_url, config)
    if violations:
        return Examined(tuple(Problem(SCHEMA, v.path, {"problem": str(v)}) for v in violations))
    nodes = schema.walk(type_url, config)
    problems = [problem for rule in RULES for problem in rule(nodes)]
    for node in nodes:
        if node.type == MANAGER and "route_config" in node.value:
            names, routes = _filter_names(node.value), (node.at, "route_config")
            inner = _overrides(Node(_ROUTES, routes, node.value["route_config"]))
            problems += [absent_filter(override) for override in inner if override.name not in names]
    return Examined(
        problems=tuple(problems),
        references=tuple(reference for node in nodes for reference in _references(node)),
        overrides=tuple(_overrides(nodes[0])) if nodes and nodes[0].type == _ROUTES else (),
        filters=tuple(_discovered_routes(nodes)),
        addresses=tuple(claims(nodes)),
        declared=tuple((_DECLARED[node.type], node.value.get("name", "")) for node in nodes if node.type in _DECLARED),
    )


def absent_filter(override: Override) -> Problem:
    """The problem of a setting for a filter that is not there."""
    return Problem(ABSENT_FILTER, override.path, {"name": override.name})


def _references(node: Node) -> Iterator[Reference]:
    field = _CLUSTER_FIELDS.get(node.type)
    if field:
        if name := node.value.get(field):
            yield Reference(UNKNOWN_CLUSTER, "clusters", name, _join(node.path, field))
        return
    find = _OTHER_REFERENCES.get(node.type)
    if find:
        yield from find(node)
    elif "config_discovery" in node.value:
        yield from _extension(node)


def _aggregated(node: Node) -> Iterator[Reference]:
    for index, name in enumerate(node.value.get("clusters", ())):
        yield Reference(UNKNOWN_CLUSTER, "clusters", name, _join(node.path, f"clusters[{index}]"))


def _routes(node: Node) -> Iterator[Reference]:
    if _by_ads(node.value.get("config_source")):
        name = node.value.get("route_config_name", "")
        yield Reference(UNKNOWN_ROUTES, "routes", name, _join(node.path, "route_config_name"))


def _secret(node: Node) -> Iterator[Reference]:
    """Credentials of Kubernetes are left out: whether they exist is said where they are asked for, at compile time."""
    name = node.value.get("name", "")
    if _by_ads(node.value.get("sds_config")) and not name.startswith(("kubernetes://", "configmap://")):
        yield Reference(UNKNOWN_SECRET, "secrets", name, _join(node.path, "name"))


def _endpoints(node: Node) -> Iterator[Reference]:
    source = node.value.get("eds_cluster_config") or {}
    if node.value.get("type") == "EDS" and _by_ads(source.get("eds_config")):
        name = source.get("service_name") or node.value.get("name", "")
        yield Reference(NO_ENDPOINTS, "endpoints", name, _join(node.path, "eds_cluster_config"))


def _extension(node: Node) -> Iterator[Reference]:
    discovery = node.value["config_discovery"]
    if _by_ads(discovery.get("config_source")) and "default_config" not in discovery:
        name = node.value.get("name", "")
        yield Reference(UNKNOWN_EXTENSION, "extensions", name, _join(node.path, "config_discovery"))


_OTHER_REFERENCES: dict[str, Callable[[Node], Iterator[Reference]]] = {
    _CLUSTER: _endpoints,
    "envoy.extensions.clusters.aggregate.v3.ClusterConfig": _aggregated,
    "envoy.extensions.filters.network.http_connection_manager.v3.Rds": _routes,
    "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig": _secret,
}


def _by_ads(source: dict[str, Any] | None) -> bool:
    """Whether the resource must come with the others: from ADS, or from the static ones without a source."""
    return not source or "ads" in source


def _filter_names(manager: dict[str, Any]) -> frozenset[str]:
    return frozenset(given.get("name", "") for given in manager.get("http_filters", ()))


def _discovered_routes(nodes: Sequence[Node]) -> Iterator[tuple[str, frozenset[str]]]:
    for node in nodes:
        if node.type == MANAGER and "rds" in node.value:
            yield node.value["rds"].get("route_config_name", ""), _filter_names(node.value)


def _overrides(routes: Node) -> Iterator[Override]:
    """The keys of `typed_per_filter_config` at every level of a route configuration."""
    yield from _keys(routes.path, routes.value)
    for number, host in enumerate(routes.value.get("virtual_hosts", ())):
        host_path = _join(routes.path, f"virtual_hosts[{number}]")
        yield from _keys(host_path, host)
        for index, route in enumerate(host.get("routes", ())):
            path = f"{host_path}.routes[{index}]"
            yield from _keys(path, route)
            weighted = (route.get("route") or {}).get("weighted_clusters") or {}
            for place, cluster in enumerate(weighted.get("clusters", ())):
                yield from _keys(f"{path}.route.weighted_clusters.clusters[{place}]", cluster)


def _keys(path: str, value: dict[str, Any]) -> Iterator[Override]:
    for name in value.get("typed_per_filter_config") or ():
        yield Override(name, _join(path, f"typed_per_filter_config[{name!r}]"))


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step
