"""For which proxies an extension is: by labels, or by what they serve."""

from __future__ import annotations

from collections.abc import Iterable

from lateen.model.extension import Extension, TargetRef
from lateen.model.gateway import Gateway
from lateen.model.proxy import Proxy

GATEWAY_API = "gateway.networking.k8s.io"
GATEWAY_NAME = f"{GATEWAY_API}/gateway-name"
"""Label of the proxies that serve a Gateway of the Gateway API."""


def attaches(extension: Extension, proxy: Proxy, gateways: Iterable[Gateway]) -> bool:
    """Whether an extension of the proxy's namespace or the root namespace is for this proxy.

    One with targets is for the proxies that serve a Gateway among them, any other for those that its selector picks.
    Source: Istio, `WorkloadPolicyMatcher.ShouldAttachPolicy`; its waypoints do not exist here.
    """
    if not extension.targets:
        return extension.selector.selects(dict(proxy.labels))
    return any(serves(proxy, target, extension.ref.namespace, gateways) for target in extension.targets)


def serves(proxy: Proxy, target: TargetRef, namespace: str, gateways: Iterable[Gateway]) -> bool:
    """Whether the proxy serves the target, a Gateway of `namespace`."""
    if target.kind != "Gateway":
        return False
    if target.group == GATEWAY_API:
        return proxy.namespace == namespace and proxy.labels.get(GATEWAY_NAME) == target.name
    named = (gateway for gateway in gateways if gateway.key == f"{namespace}/{target.name}")
    return proxy.kind == "router" and any(gateway.selector.selects(dict(proxy.labels)) for gateway in named)
