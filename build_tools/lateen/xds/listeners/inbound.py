"""What a sidecar accepts for its workload.

With interception one listener, `virtualInbound`, takes all redirected connections and has the chains of every port;
without it each port has a listener that binds.
"""

from __future__ import annotations

from collections.abc import Iterator

from lateen.model.security import MtlsMode
from lateen.model.service import Protocol
from lateen.scope.views import InboundPort, InboundView, ProxyScope
from lateen.xds.duration import duration
from lateen.xds.filters import peer_namespace
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.interception import binds
from lateen.xds.listeners import tcp
from lateen.xds.listeners.chain_matrix import chain_matches
from lateen.xds.listeners.http_connection_manager import http_chain
from lateen.xds.listeners.inspectors import inspectors
from lateen.xds.listeners.listener import (
    ORIGINAL_DST,
    Bind,
    BuiltListener,
    filter_chain,
    listener,
    listener_name,
    resources,
    wildcards,
)
from lateen.xds.names import INBOUND_PASSTHROUGH_CLUSTER, inbound_cluster
from lateen.xds.resources import Resources
from lateen.xds.routes.inbound import inbound_passthrough_route, inbound_route
from lateen.xds.snapshot import Config
from lateen.xds.tls import downstream_mtls

VIRTUAL_INBOUND = "virtualInbound"
_BLACKHOLE = "virtualInbound-blackhole"
_CATCH_ALL_HTTP = "virtualInbound-catchall-http"
# Not istio-peer-exchange, which Istio offers on TCP: its preamble would reach the application.
_ALPN = ("h2", "http/1.1")
_TPROXY_MARK = 1337


def inbound_listeners(scope: ProxyScope) -> Resources:
    """`virtualInbound`, where there is interception, and the listeners of ports that bind."""
    view = scope.inbound
    if view is None:
        return Resources()
    bound = [_bound(scope, port) for port in view.ports if port.bind or binds(scope.proxy)]
    return resources(bound if binds(scope.proxy) else [_virtual(scope, view), *bound])


def _virtual(scope: ProxyScope, view: InboundView) -> BuiltListener:
    chains = [_blackhole(scope), *_passthrough(scope, view)]
    origins = [("", view.peer_authentication.origin)] if view.peer_authentication else []
    for port in view.ports:
        if port.bind:
            continue
        for chain in _port_chains(scope, port, wildcards(scope.proxy)[0]):
            if port.ref:
                origins.append((f"filter_chains[{len(chains)}]", port.ref.origin))
            chains.append(chain)
    redirected = Chain(scope, Direction.INBOUND)
    bind = Bind(wildcards(scope.proxy))
    transparent = scope.proxy.interception == "TPROXY"
    filters = [ORIGINAL_DST, *([_original_source()] if transparent else []), *inspectors(chains)]
    config = listener(
        redirected,
        VIRTUAL_INBOUND,
        bind,
        scope.config.proxy_inbound_port,
        transparent=transparent or None,
        **_common(scope, filters, chains),
    )
    return BuiltListener(config, tuple(origins))


def _bound(scope: ProxyScope, port: InboundPort) -> BuiltListener:
    address = port.bind or str(scope.proxy.metadata.get("LATEEN_BIND_ADDRESS", "")) or scope.proxy.address
    chains = _port_chains(scope, port, address)
    config = listener(
        Chain(scope, Direction.INBOUND, port.port),
        listener_name(address, port.port),
        Bind((address,)),
        port.port,
        **_common(scope, inspectors(chains), chains),
    )
    return BuiltListener(config, (("", port.ref.origin),) if port.ref else ())


def _common(scope: ProxyScope, filters: list[Config], chains: list[Config]) -> Config:
    return {
        "listener_filters": filters or None,
        # 0s waits for ever: guessing after a timeout would send HTTP past its policies.
        "listener_filters_timeout": duration(scope.config.protocol_detection_timeout),
        "continue_on_listener_filters_timeout": True,
        "filter_chains": chains,
    }


def _port_chains(scope: ProxyScope, port: InboundPort, bind: str) -> list[Config]:
    chain = Chain(scope, Direction.INBOUND, port.port)
    name = listener_name(bind, port.port)
    cluster = inbound_cluster(port.port)
    http: list[Config] = []
    if port.protocol.is_http or port.protocol is Protocol.AUTO:
        options: Config = {"http2_protocol_options": {}} if port.protocol.is_http2 else {}
        http = http_chain(chain, f"inbound_{name}", inbound_route(scope, port), **options)
    raw = [] if port.protocol.is_http else tcp.to_cluster(chain, cluster, service=port.service)
    return _chains(scope, port.port, (name, name), (http, raw), (port.mtls, port.protocol))


def _passthrough(scope: ProxyScope, view: InboundView) -> Iterator[Config]:
    """Chains for what no service names: every port, and those that PeerAuthentication singles out."""
    chain = Chain(scope, Direction.INBOUND)
    route = inbound_passthrough_route()
    http = http_chain(chain, INBOUND_PASSTHROUGH_CLUSTER, route)
    raw = tcp.pass_through(chain, INBOUND_PASSTHROUGH_CLUSTER)
    for port, mode in ((0, view.passthrough), *view.passthrough_ports):
        names = (_CATCH_ALL_HTTP, VIRTUAL_INBOUND)
        yield from _chains(scope, port, names, (http, raw), (mode, Protocol.AUTO))


def _chains(
    scope: ProxyScope,
    port: int,
    names: tuple[str, str],
    filters: tuple[list[Config], list[Config]],
    kind: tuple[MtlsMode, Protocol],
) -> list[Config]:
    """The chains of a port; `names` and `filters` are those of HTTP, then those of TCP."""
    secured = downstream_mtls(scope, _ALPN)
    certified = peer_namespace.build(scope)
    return [
        filter_chain(
            [*(certified if match.mtls else ()), *filters[not match.http]],
            match.config(port),
            names[not match.http],
            secured if match.mtls else None,
        )
        for match in chain_matches(*kind)
    ]


def _blackhole(scope: ProxyScope) -> Config:
    """Ends what is sent to the listener's own port, which would come back to it for ever."""
    chain = Chain(scope, Direction.INBOUND)
    match = {"destination_port": scope.config.proxy_inbound_port}
    return filter_chain(tcp.black_hole(chain), match, _BLACKHOLE)


def _original_source() -> Config:
    message = "extensions.filters.listener.original_src.v3.OriginalSrc"
    return typed("envoy.filters.listener.original_src", message, mark=_TPROXY_MARK)
