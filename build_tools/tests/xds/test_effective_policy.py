"""Which part of a DestinationRule holds where."""

from __future__ import annotations

from lateen.model.identity import Ref
from lateen.model.traffic_policy import (
    ClientTls,
    ConnectionPool,
    ConsistentHash,
    DestinationRule,
    LoadBalancer,
    OutlierDetection,
    Subset,
    TrafficPolicy,
)
from lateen.xds.effective_policy import consistent_hash, effective_policy

POOL, OTHER_POOL = ConnectionPool(max_connections=1), ConnectionPool(max_connections=2)
RANDOM, ROBIN = LoadBalancer("RANDOM"), LoadBalancer("ROUND_ROBIN")
TLS = ClientTls("SIMPLE")


def rule(policy: TrafficPolicy | None, *subsets: Subset) -> DestinationRule:
    return DestinationRule(Ref("DestinationRule", "default", "r"), "r.default.svc.cluster.local", policy, subsets)


def test_no_rule_means_no_policy() -> None:
    assert effective_policy(None, 80) == TrafficPolicy()


def test_a_port_level_policy_inherits_nothing() -> None:
    top = TrafficPolicy(load_balancer=RANDOM, connection_pool=POOL, ports=((80, TrafficPolicy(tls=TLS)),))
    assert effective_policy(rule(top), 80) == TrafficPolicy(tls=TLS)
    assert effective_policy(rule(top), 81).load_balancer == RANDOM


def test_a_subset_overrides_field_by_field() -> None:
    subset = Subset("v1", policy=TrafficPolicy(load_balancer=ROBIN))
    top = TrafficPolicy(load_balancer=RANDOM, connection_pool=POOL, outlier_detection=OutlierDetection(interval=1.0))
    found = effective_policy(rule(top, subset), 80, subset)
    assert (found.load_balancer, found.connection_pool, found.outlier_detection) == (ROBIN, POOL, top.outlier_detection)


def test_a_subset_without_policy_has_the_rules_own() -> None:
    subset = Subset("v1")
    assert effective_policy(rule(TrafficPolicy(load_balancer=RANDOM), subset), 80, subset).load_balancer == RANDOM


def test_a_port_level_policy_of_a_subset_replaces_everything() -> None:
    subset = Subset("v1", policy=TrafficPolicy(load_balancer=ROBIN, ports=((80, TrafficPolicy(tls=TLS)),)))
    top = TrafficPolicy(connection_pool=POOL, ports=((80, TrafficPolicy(connection_pool=OTHER_POOL)),))
    assert effective_policy(rule(top, subset), 80, subset) == TrafficPolicy(tls=TLS)
    found = effective_policy(rule(top, subset), 81, subset)
    assert (found.load_balancer, found.connection_pool) == (ROBIN, POOL)


def test_the_hash_of_a_destination_follows_its_subset() -> None:
    header, cookie = ConsistentHash(header="x-user"), ConsistentHash(cookie=("session", "/", None))
    subset = Subset("v1", policy=TrafficPolicy(load_balancer=LoadBalancer(consistent_hash=cookie)))
    both = rule(TrafficPolicy(load_balancer=LoadBalancer(consistent_hash=header)), subset)
    assert consistent_hash(both, 80) == header
    assert consistent_hash(both, 80, "v1") == cookie
    assert consistent_hash(both, 80, "unknown") == header
    assert consistent_hash(rule(None), 80) is None
    assert consistent_hash(None, 80) is None
