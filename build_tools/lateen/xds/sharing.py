"""What the sidecars of one view have in common is made once, and is one value in memory.

A builder that is `shared` gets a scope that holds nothing but what it may depend on; that scope's proxy is the key
under which the result is kept. So a builder that begins to read something else of the proxy does not find it, instead
of handing one proxy what was made for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from ipaddress import ip_address

from lateen.model.proxy import Proxy
from lateen.model.traffic_policy import TrafficPolicy
from lateen.scope.views import OutboundView, ProxyScope
from lateen.xds.http_proxy import http_proxy_port
from lateen.xds.resources import Resources

Builder = Callable[[ProxyScope], Resources]


def shared(build: Builder) -> Builder:
    """`build`, once for all sidecars whose view and `client` are equal; for a router as it is."""

    @wraps(build)
    def once(scope: ProxyScope) -> Resources:
        view = scope.outbound
        if view is None:
            return build(scope)
        proxy = client(scope, view)
        key = build, proxy
        if key not in view.derived:
            view.derived[key] = build(ProxyScope(proxy, scope.config, scope.domain_suffix, outbound=view))
        made: Resources = view.derived[key]
        return made

    return once


def client(scope: ProxyScope, view: OutboundView) -> Proxy:
    """What clusters, endpoints and routes depend on of the sidecar that they are for: a proxy of that and no more.

    Addresses decide which family DNS is asked for, labels which endpoints come first where a rule says so.
    """
    proxy = scope.proxy
    addresses = proxy.addresses
    version = 6 if addresses and all(ip_address(address).version == 6 for address in addresses) else 4
    metadata = {"INTERCEPTION_MODE": proxy.interception, "LATEEN_HTTP_PROXY_PORT": http_proxy_port(scope)}
    return Proxy(
        name="",
        namespace=proxy.namespace,
        kind=proxy.kind,
        addresses=("::" if version == 6 else "0.0.0.0",),  # noqa: S104 - stands for its family
        labels=proxy.labels if _ranks_by_labels(view) else {},
        locality=proxy.locality,
        metadata=metadata,
        domain_suffix=proxy.domain_suffix,
    )


def _ranks_by_labels(view: OutboundView) -> bool:
    key = ("ranks_by_labels",)
    if key not in view.derived:
        balancers = (policy.load_balancer for policy in _policies(view))
        view.derived[key] = any(b and b.locality and b.locality.failover_priority for b in balancers)
    found: bool = view.derived[key]
    return found


def _policies(view: OutboundView) -> Iterator[TrafficPolicy]:
    for service in view.services:
        rule = service.rule
        for policy in (rule.policy, *(subset.policy for subset in rule.subsets)) if rule else ():
            if policy is not None:
                yield policy
                yield from (override for _, override in policy.ports)
