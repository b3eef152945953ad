"""What a cluster speaks to its endpoints: `typed_extension_protocol_options`, and the ALPN that tells the peer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from lateen.model.service import Protocol
from lateen.model.traffic_policy import ClientTls, ConnectionPool
from lateen.xds.duration import duration
from lateen.xds.filters.chain import typed
from lateen.xds.snapshot import Config

_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TYPE = f"type.googleapis.com/{_KEY}"


# Identity headers are added early in the filter chain, for the cluster that the request was meant for then. A later
# filter may change the route, and a mirrored request goes elsewhere as well, so the way out takes them off once more.
_NAMELESS: Config = {
    "http_filters": [
        typed(
            "envoy.filters.http.header_mutation",
            "extensions.filters.http.header_mutation.v3.HeaderMutation",
            mutations={
                "request_mutations": [{"remove": "x-envoy-peer-metadata"}, {"remove": "x-envoy-peer-metadata-id"}]
            },
        ),
        typed("envoy.filters.http.upstream_codec", "extensions.filters.http.upstream_codec.v3.UpstreamCodec"),
    ]
}


class Upstream(Enum):
    """The HTTP version towards endpoints; the value is what cluster metadata `lateen.alpn` says."""

    HTTP1 = "h1"
    HTTP2 = "h2"
    DOWNSTREAM = "downstream"


OFFERED: Mapping[Upstream, str] = MappingProxyType(
    {Upstream.HTTP1: "istio-http/1.1,istio,http/1.1", Upstream.HTTP2: "istio-h2,istio,h2"}
)
"""What a proxy of the mesh is offered by ALPN for each version, the one that is wanted first."""


def upstream_protocol(
    protocol: Protocol, *, sniffing: bool, pool: ConnectionPool | None = None, mesh_upgrade: bool = False
) -> Upstream:
    """The version for a port.

    An undeclared port follows the client, where the proxy sniffs (a sidecar; a gateway would offer h2 to everyone and
    break HTTP/1 backends). `h2UpgradePolicy` and `useClientProtocol` of the DestinationRule come last.
    """
    chosen = Upstream.HTTP1
    if protocol.is_http2:
        chosen = Upstream.HTTP2
    elif protocol is Protocol.AUTO and sniffing:
        chosen = Upstream.DOWNSTREAM
    policy = pool.h2_upgrade_policy if pool else "DEFAULT"
    if policy == "UPGRADE" or (policy == "DEFAULT" and mesh_upgrade and protocol.is_http):
        chosen = Upstream.HTTP2
    if pool and pool.use_client_protocol:
        chosen = Upstream.DOWNSTREAM
    return chosen


def protocol_options(
    upstream: Upstream, pool: ConnectionPool | None, tls: ClientTls | None = None, *, leaves_mesh: bool = False
) -> Config:
    """`typed_extension_protocol_options` as a cluster field; nothing where Envoy's defaults are meant.

    With TLS towards the outside, SNI follows the request's host unless the rule names one, and the certificate is held
    against it unless the rule lists names. What leaves the mesh does not say which workload it comes from.
    """
    options = _common(pool) | _sni(tls) | (_NAMELESS if leaves_mesh else {})
    version = _version(upstream, pool)
    if not options and upstream is Upstream.HTTP1:
        return {}
    return {"typed_extension_protocol_options": {_KEY: {"@type": _TYPE} | options | version}}


def _version(upstream: Upstream, pool: ConnectionPool | None) -> Config:
    if upstream is Upstream.HTTP1:
        return {"explicit_http_config": {"http_protocol_options": {}}}
    streams = pool.max_concurrent_streams if pool else None
    http2: Config = {"max_concurrent_streams": streams} if streams else {}
    if upstream is Upstream.HTTP2:
        return {"explicit_http_config": {"http2_protocol_options": http2}}
    return {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": http2}}


def _common(pool: ConnectionPool | None) -> Config:
    if pool is None:
        return {}
    common: Config = {}
    idle = pool.tcp_idle_timeout if pool.idle_timeout is None else pool.idle_timeout
    if idle is not None:
        common["idle_timeout"] = duration(idle)
    if pool.max_requests_per_connection:
        common["max_requests_per_connection"] = pool.max_requests_per_connection
    if pool.max_connection_duration is not None:
        common["max_connection_duration"] = duration(pool.max_connection_duration)
    return {"common_http_protocol_options": common} if common else {}


def _sni(tls: ClientTls | None) -> Config:
    if tls is None or tls.mode not in ("SIMPLE", "MUTUAL") or tls.sni:
        return {}
    options: Config = {"auto_sni": True}
    if not tls.subject_alt_names and not tls.insecure_skip_verify:
        options["auto_san_validation"] = True
    return {"upstream_http_protocol_options": options}


def passthrough_options(*, leaves_mesh: bool) -> Config:
    """Those of the passthrough clusters: the client's version, idle connections closed after five minutes.

    Where the outbound one leads nobody knows, so it counts as a way out of the mesh.
    """
    options: Config = {"@type": _TYPE, "common_http_protocol_options": {"idle_timeout": "300s"}}
    options |= _NAMELESS if leaves_mesh else {}
    return {"typed_extension_protocol_options": {_KEY: options | _version(Upstream.DOWNSTREAM, None)}}
