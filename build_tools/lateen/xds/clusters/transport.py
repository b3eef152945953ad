"""The transport sockets of an outbound cluster: mesh mTLS by each endpoint's mode, or what a DestinationRule says."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.traffic_policy import ClientTls
from lateen.scope.views import ProxyScope, ServiceView
from lateen.xds.clusters.protocol import Upstream
from lateen.xds.destinations import Destination, honoured_tls
from lateen.xds.names import outbound_sni
from lateen.xds.snapshot import Config
from lateen.xds.tls import RAW_BUFFER, trust_domains, upstream_mtls, upstream_tls

_PROXY_PROTOCOL = (
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
)


@dataclass(frozen=True, slots=True)
class Transport:
    """Cluster fields, and whether the mesh's own mTLS may be spoken (then ALPN tells the peer the protocol)."""

    fields: Config
    mesh: bool = False


def transport(
    scope: ProxyScope, destination: Destination, upstream: Upstream, identities: tuple[str, ...]
) -> Transport:
    """What a destination's connections are wrapped in.

    Without a rule, an endpoint of the mesh gets mTLS if and only if its own mode says so (automatic mTLS).
    """
    tls = honoured_tls(scope, destination)
    if tls is None:
        chosen = _automatic(scope, destination, upstream, identities)
    elif tls.mode == "ISTIO_MUTUAL":
        chosen = Transport({"transport_socket": _mesh_socket(destination, upstream, identities, tls)}, mesh=True)
    elif tls.mode in ("SIMPLE", "MUTUAL"):
        sans = tls.subject_alt_names or destination.view.service.subject_alt_names
        alpn = ["h2"] if upstream is Upstream.HTTP2 else []
        chosen = Transport({"transport_socket": upstream_tls(tls, sans, alpn)})
    else:
        chosen = Transport({})
    version = destination.policy.proxy_protocol
    return Transport(_with_proxy_protocol(chosen.fields, version), chosen.mesh) if version else chosen


def identities(scope: ProxyScope, view: ServiceView) -> tuple[str, ...]:
    """The SPIFFE ids that a service's endpoints may present, in every trust domain of the mesh, sorted."""
    accounts = {(e.namespace, e.service_account) for e in view.endpoints if e.service_account}
    domains = trust_domains(scope.config)
    spiffe = {f"spiffe://{domain}/ns/{ns}/sa/{account}" for domain in domains for ns, account in accounts}
    return tuple(sorted(spiffe | set(view.service.subject_alt_names)))


def _automatic(
    scope: ProxyScope, destination: Destination, upstream: Upstream, identities: tuple[str, ...]
) -> Transport:
    view = destination.view
    if view.service.mesh_external or not scope.config.enable_auto_mtls:
        return Transport({})
    if destination.discovery == "ORIGINAL_DST":
        # No endpoint is known that could carry a mode: mTLS only where every instance speaks it.
        if not view.endpoints or any(e.tls_mode != "istio" for e in view.endpoints):
            return Transport({})
        return Transport({"transport_socket": _mesh_socket(destination, upstream, identities)}, mesh=True)
    matches = [
        {
            "name": "tlsMode-istio",
            "match": {"tlsMode": "istio"},
            "transport_socket": _mesh_socket(destination, upstream, identities),
        },
        {"name": "tlsMode-disabled", "match": {}, "transport_socket": RAW_BUFFER},
    ]
    return Transport({"transport_socket_matches": matches}, mesh=True)


def _mesh_socket(
    destination: Destination, upstream: Upstream, identities: tuple[str, ...], tls: ClientTls | None = None
) -> Config:
    sans = tls.subject_alt_names if tls and tls.subject_alt_names else identities
    default = outbound_sni(destination.port.number, destination.view.service.hostname, destination.subset_name)
    alpn = ["istio", "h2"] if upstream is Upstream.HTTP2 else ["istio"]
    return upstream_mtls(sans, tls.sni if tls and tls.sni else default, alpn)


def _with_proxy_protocol(fields: Config, version: str) -> Config:
    if "transport_socket_matches" in fields:
        matches = [
            m | {"transport_socket": _wrap(m["transport_socket"], version)} for m in fields["transport_socket_matches"]
        ]
        return {"transport_socket_matches": matches}
    return {"transport_socket": _wrap(fields.get("transport_socket", RAW_BUFFER), version)}


def _wrap(socket: Config, version: str) -> Config:
    typed = {"@type": _PROXY_PROTOCOL, "config": {"version": version}, "transport_socket": socket}
    return {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": typed}
