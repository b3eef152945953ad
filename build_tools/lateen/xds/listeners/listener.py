"""A listener and its filter chains as Envoy's messages, and the addresses they bind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from lateen.diagnostics import Diagnostic, Origin
from lateen.model.proxy import Proxy
from lateen.xds.access_log import listener_logs
from lateen.xds.endpoints import address as socket_address
from lateen.xds.filters.chain import Chain, typed
from lateen.xds.interception import exclusive
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

_ANY = {4: "0.0.0.0", 6: "::"}  # noqa: S104

ORIGINAL_DST = typed("envoy.filters.listener.original_dst", "extensions.filters.listener.original_dst.v3.OriginalDst")
TLS_INSPECTOR = typed(
    "envoy.filters.listener.tls_inspector", "extensions.filters.listener.tls_inspector.v3.TlsInspector"
)
HTTP_INSPECTOR = typed(
    "envoy.filters.listener.http_inspector", "extensions.filters.listener.http_inspector.v3.HttpInspector"
)


@dataclass(frozen=True, slots=True)
class Bind:
    """Where a listener stands: Envoy's addresses, the first of which gives it its name, or one that replaces them.

    `port` False means that connections reach it by redirection only.
    """

    addresses: tuple[str, ...]
    port: bool = True
    replaced: str = ""

    @property
    def primary(self) -> str:
        """The address in the listener's name."""
        return self.addresses[0]


@dataclass(frozen=True, slots=True)
class BuiltListener:
    """A listener with the origins of its parts, by field path (empty: of the whole)."""

    config: Config
    origins: tuple[tuple[str, Origin], ...] = ()


def resources(built: Iterable[BuiltListener], diagnostics: Iterable[Diagnostic] = ()) -> Resources:
    """Listeners as resources by name; what has no known origin is left out of the side table."""
    configs: dict[str, Config] = {}
    origins: dict[tuple[str, str], Origin] = {}
    for item in built:
        name = item.config["name"]
        configs[name] = item.config
        origins |= {(name, path): origin for path, origin in item.origins if origin.file}
    return Resources(configs, origins, tuple(diagnostics))


def wildcards(proxy: Proxy) -> tuple[str, ...]:
    """All addresses of each family that the proxy has; IPv4 while nothing has placed it."""
    families = {6 if ":" in address else 4 for address in proxy.addresses} or {4}
    return tuple(_ANY[family] for family in sorted(families))


def listener_name(bind: str, port: int) -> str:
    """Istio's name: `0.0.0.0_8080`."""
    return f"{bind}_{port}"


def listener(chain: Chain, name: str, bind: Bind, port: int, **fields: object) -> Config:
    """A listener without its chains; `fields` are further ones of the message, of which None is left out."""
    first, *more = (bind.replaced,) if bind.replaced else bind.addresses
    config: Config = {"name": name, "address": socket_address(first, port)}
    if more:
        config["additional_addresses"] = [{"address": socket_address(extra, port)} for extra in more]
    config["traffic_direction"] = chain.direction.traffic
    if not bind.port:
        config["bind_to_port"] = False
    elif exclusive(chain.scope.proxy):
        config["enable_reuse_port"] = False
    config |= {key: value for key, value in fields.items() if value is not None}
    if logs := listener_logs(chain):
        config["access_log"] = logs
    return config


def filter_chain(
    filters: Sequence[Config], match: Config | None = None, name: str = "", transport_socket: Config | None = None
) -> Config:
    """A filter chain; without a match it takes everything."""
    config: Config = {"name": name} if name else {}
    if match:
        config["filter_chain_match"] = match
    config["filters"] = list(filters)
    if transport_socket:
        config["transport_socket"] = transport_socket
    return config


def prefix_range(cidr: str) -> Config:
    """`10.0.0.0/8` as Envoy's range; a plain address is one of its own."""
    network = ip_network(cidr, strict=False)
    return {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}
