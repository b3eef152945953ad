"""Where redirected connections arrive, and what becomes of those that no other listener takes."""

from __future__ import annotations

from lateen.scope.views import ProxyScope
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.http_proxy import http_proxy_port
from lateen.xds.interception import binds, outbound_address
from lateen.xds.listeners import tcp
from lateen.xds.listeners.http_connection_manager import http_chain
from lateen.xds.listeners.listener import Bind, BuiltListener, filter_chain, listener, listener_name, wildcards
from lateen.xds.listeners.outbound_chains import PROXY_OPTIONS
from lateen.xds.names import BLACK_HOLE_CLUSTER, HTTP_PROXY, PASSTHROUGH_CLUSTER
from lateen.xds.snapshot import Config

VIRTUAL_OUTBOUND = "virtualOutbound"


def virtual_outbound(scope: ProxyScope) -> list[BuiltListener]:
    """The listener that redirection leads to; none without interception."""
    if scope.outbound is None or binds(scope.proxy):
        return []
    chain = Chain(scope, Direction.OUTBOUND)
    # Calls of the listener's own port would come back to it for ever.
    own_port = {"destination_port": scope.config.proxy_listen_port}
    chains = [
        filter_chain(tcp.black_hole(chain), own_port, f"{VIRTUAL_OUTBOUND}-blackhole"),
        pass_through(scope, f"{VIRTUAL_OUTBOUND}-catchall-tcp"),
    ]
    config = listener(
        chain,
        VIRTUAL_OUTBOUND,
        Bind(wildcards(scope.proxy)),
        scope.config.proxy_listen_port,
        transparent=True if scope.proxy.interception == "TPROXY" else None,
        use_original_dst=True,
        filter_chains=chains,
    )
    origin = scope.outbound.sidecar.origin if scope.outbound.sidecar else None
    return [BuiltListener(config, (("", origin),) if origin else ())]


def pass_through(scope: ProxyScope, name: str = "PassthroughFilterChain") -> Config:
    """The chain for what nobody declared: on to where it was going, or nowhere (REGISTRY_ONLY)."""
    allowed = scope.outbound is not None and scope.outbound.allow_any
    cluster = PASSTHROUGH_CLUSTER if allowed else BLACK_HOLE_CLUSTER
    return filter_chain(tcp.pass_through(Chain(scope, Direction.OUTBOUND), cluster), name=name)


def http_proxy(scope: ProxyScope) -> list[BuiltListener]:
    """The listener for applications that are told to use an HTTP proxy, where there is one."""
    port = http_proxy_port(scope) if scope.outbound else 0
    if not port:
        return []
    chain = Chain(scope, Direction.OUTBOUND, port)
    address = outbound_address(scope.proxy)
    name = listener_name(address, port)
    filters = http_chain(chain, f"outbound_{name}", HTTP_PROXY, **PROXY_OPTIONS)
    return [BuiltListener(listener(chain, name, Bind((address,)), port, filter_chains=[filter_chain(filters)]))]
