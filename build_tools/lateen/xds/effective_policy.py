"""Which traffic policy holds for one port of one destination: subset over port level over the rule's own."""

from __future__ import annotations

from lateen.model.traffic_policy import ConsistentHash, DestinationRule, Subset, TrafficPolicy

_NONE = TrafficPolicy()


def effective_policy(rule: DestinationRule | None, port: int, subset: Subset | None = None) -> TrafficPolicy:
    """The policy for a service's port, or for a subset of it.

    As documented for DestinationRule: a port-level policy inherits nothing, its omitted fields are Istio's defaults;
    a subset's policy overrides field by field.
    """
    if rule is None:
        return _NONE
    base, _ = _at_port(rule.policy or _NONE, port)
    if subset is None or subset.policy is None:
        return base
    override, exact = _at_port(subset.policy, port)
    if exact:
        return override
    return TrafficPolicy(
        load_balancer=override.load_balancer or base.load_balancer,
        connection_pool=override.connection_pool or base.connection_pool,
        outlier_detection=override.outlier_detection or base.outlier_detection,
        tls=override.tls or base.tls,
        proxy_protocol=override.proxy_protocol or base.proxy_protocol,
        retry_budget=override.retry_budget or base.retry_budget,
        tunnel=override.tunnel or base.tunnel,
    )


def consistent_hash(rule: DestinationRule | None, port: int, subset_name: str = "") -> ConsistentHash | None:
    """What chooses the host of a destination; the route carries it as hash policy, the cluster as ring."""
    if rule is None:
        return None
    subset = next((s for s in rule.subsets if s.name == subset_name), None) if subset_name else None
    balancer = effective_policy(rule, port, subset).load_balancer
    return balancer.consistent_hash if balancer else None


def _at_port(policy: TrafficPolicy, port: int) -> tuple[TrafficPolicy, bool]:
    for number, override in policy.ports:
        if number == port:
            return override, True
    return policy, False
