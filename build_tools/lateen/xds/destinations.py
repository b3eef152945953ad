"""Every outbound cluster that a proxy has, as values: what clusters, endpoints and secrets are all built from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lateen.model.service import Protocol, Resolution, ServicePort
from lateen.model.traffic_policy import ClientTls, DestinationRule, Subset, TrafficPolicy
from lateen.scope.views import ProxyScope, ServiceView
from lateen.xds.effective_policy import effective_policy
from lateen.xds.names import outbound_cluster

_DISCOVERY = {
    Resolution.STATIC: "EDS",
    Resolution.DNS: "STRICT_DNS",
    Resolution.DNS_ROUND_ROBIN: "LOGICAL_DNS",
    Resolution.PASSTHROUGH: "ORIGINAL_DST",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """One port of a service, or of a subset of it. `discovery` is Envoy's cluster type."""

    cluster: str
    discovery: str
    view: ServiceView
    port: ServicePort
    policy: TrafficPolicy
    subset: Subset | None = None

    @property
    def subset_name(self) -> str:
        """The subset's name, empty for the whole service."""
        return self.subset.name if self.subset else ""

    @property
    def rule(self) -> DestinationRule | None:
        """The DestinationRule in force."""
        return self.view.rule


def visible_services(scope: ProxyScope) -> tuple[ServiceView, ...]:
    """The services that this proxy may call."""
    if scope.gateway:
        return scope.gateway.services
    return scope.outbound.services if scope.outbound else ()


def destinations(scope: ProxyScope) -> Iterator[Destination]:
    """Each service's ports in order, each followed by its subsets.

    An alias (ExternalName) leads to its target's clusters and has none; UDP is not proxied; DYNAMIC_DNS has none.
    """
    for view in visible_services(scope):
        service = view.service
        if service.resolution not in _DISCOVERY:
            continue
        subsets: tuple[Subset | None, ...] = (None, *(view.rule.subsets if view.rule else ()))
        for port in service.ports:
            if port.protocol is Protocol.UDP:
                continue
            for subset in subsets:
                name = outbound_cluster(port.number, service.hostname, subset.name if subset else "")
                policy = effective_policy(view.rule, port.number, subset)
                yield Destination(name, discovery(scope, view, policy), view, port, policy, subset)


def discovery(scope: ProxyScope, view: ServiceView, policy: TrafficPolicy) -> str:
    """Envoy's cluster type.

    A router, and a sidecar without interception, do not know where a connection was headed: for them the endpoints of
    a headless Kubernetes service are EDS. (Istio does this for routers only; without interception its ORIGINAL_DST
    clusters cannot work.)
    """
    if policy.load_balancer and policy.load_balancer.simple == "PASSTHROUGH":
        return "ORIGINAL_DST"
    kind = _DISCOVERY[view.service.resolution]
    knows_original = scope.proxy.kind == "sidecar" and scope.proxy.interception != "NONE"
    return kind if kind != "ORIGINAL_DST" or knows_original else "EDS"


def honoured_tls(scope: ProxyScope, destination: Destination) -> ClientTls | None:
    """The DestinationRule's TLS settings as far as this proxy honours them.

    A sidecar takes a `credentialName` only from a rule with a workloadSelector: other sidecars have no right to that
    Secret. Istio's sidecars then speak plaintext; analysis warns of it.
    """
    tls = destination.policy.tls
    if tls is None or not tls.credential_name or scope.proxy.kind == "router":
        return tls
    selected = destination.rule is not None and bool(destination.rule.selector)
    if selected or tls.mode == "ISTIO_MUTUAL":
        return tls
    return ClientTls(mode="DISABLE")
