"""Where traffic goes when endpoints are in several places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.model.service import Endpoint
from lateen.model.traffic_policy import LoadBalancer, LocalityLb, OutlierDetection, TrafficPolicy
from lateen.scope.views import ProxyScope
from lateen.xds.endpoints import lb_endpoint
from lateen.xds.locality import apply_locality, weighs_localities
from lateen.xds.snapshot import Config

HERE = "eu/a/1"
DETECTION = OutlierDetection(consecutive_5xx=1)


def scope(labels: dict[str, str] | None = None, **mesh: Any) -> ProxyScope:
    return ProxyScope(Proxy("web", locality=HERE, labels=labels or {}), MeshConfig(**mesh), "cluster.local")


def policy(detection: OutlierDetection | None = DETECTION, **settings: Any) -> TrafficPolicy:
    balancer = LoadBalancer(locality=LocalityLb(**settings)) if settings else None
    return TrafficPolicy(load_balancer=balancer, outlier_detection=detection)


def place(*localities: str, **labels: str) -> list[tuple[str, list[Endpoint]]]:
    return [(at, [Endpoint("10.0.0.1", 80, 80, locality=at, labels=labels)]) for at in localities]


def groups(members: list[tuple[str, list[Endpoint]]]) -> list[Config]:
    return [
        {"locality": {"region": at}, "lb_endpoints": [lb_endpoint(e) for e in es], "load_balancing_weight": len(es)}
        for at, es in members
    ]


def priorities(found: list[Config]) -> list[int]:
    return [group.get("priority", 0) for group in found]


def test_failover_prefers_what_is_near_and_leaves_no_gap_in_priorities() -> None:
    members = place("eu/a/1", "eu/b/1", "us/a/1")
    assert priorities(apply_locality(scope(), policy(), groups(members), members)) == [0, 1, 2]
    members = place("us/a/1", "eu/a/2")
    assert priorities(apply_locality(scope(), policy(), groups(members), members)) == [1, 0]


def test_failover_names_the_region_that_comes_next() -> None:
    members = place("eu/a/1", "us/a/1", "asia/a/1")
    found = apply_locality(scope(), policy(failover=(("eu", "asia"),)), groups(members), members)
    assert priorities(found) == [0, 2, 1]


def test_without_outlier_detection_nothing_fails_over() -> None:
    members = place("eu/a/1", "us/a/1")
    assert apply_locality(scope(), policy(None), groups(members), members) == groups(members)


def test_settings_can_be_switched_off_for_a_destination() -> None:
    members = place("eu/a/1", "us/a/1")
    assert apply_locality(scope(), policy(enabled=False), groups(members), members) == groups(members)


def test_distribution_gives_shares_and_drops_the_rest() -> None:
    members = place("eu/a/1", "eu/b/1", "us/a/1")
    shares = (("eu/a/*", (("eu/a/*", 80), ("eu/b/*", 20))),)
    found = apply_locality(scope(), policy(distribute=shares), groups(members), members)
    assert [(g["locality"]["region"], g["load_balancing_weight"]) for g in found] == [("eu/a/1", 80), ("eu/b/1", 20)]


def test_a_share_is_divided_by_the_weight_of_what_it_covers() -> None:
    members = place("us/a/1", "us/b/1")
    members[1][1].extend([Endpoint("10.0.0.2", 80, 80)] * 2)
    found = apply_locality(scope(), policy(distribute=(("*", (("us", 90),)),)), groups(members), members)
    assert [g["load_balancing_weight"] for g in found] == [23, 68]


def test_the_meshs_settings_hold_where_a_destination_has_none() -> None:
    shared = scope(locality_distribute=((HERE, (("us/a/1", 100),)),))
    members = place("eu/a/1", "us/a/1")
    found = apply_locality(shared, policy(), groups(members), members)
    assert [g["load_balancing_weight"] for g in found] == [100]
    assert weighs_localities(shared, policy())
    assert not weighs_localities(scope(), policy())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"rack": "r1", "zone": "z1"}, [0]),
        ({"rack": "r1", "zone": "z2"}, [0]),
        ({"rack": "r2", "zone": "z1"}, [0]),
    ],
)
def test_one_rank_alone_has_the_highest_priority(labels: dict[str, str], expected: list[int]) -> None:
    members = place("eu", **labels)
    wanted = policy(failover_priority=("rack", "zone"))
    assert priorities(apply_locality(scope({"rack": "r1", "zone": "z1"}), wanted, groups(members), members)) == expected


def test_failover_by_labels_splits_a_locality() -> None:
    near, far = {"rack": "r1"}, {"rack": "r2"}
    members = [("eu", [Endpoint("10.0.0.1", 80, 80, labels=far), Endpoint("10.0.0.2", 80, 80, labels=near)])]
    found = apply_locality(scope({"rack": "r1"}), policy(failover_priority=("rack",)), groups(members), members)
    addresses = [
        [h["endpoint"]["address"]["socket_address"]["address"] for h in group["lb_endpoints"]] for group in found
    ]
    assert addresses == [["10.0.0.2"], ["10.0.0.1"]]
    assert priorities(found) == [0, 1]


def test_a_failover_label_can_fix_the_value() -> None:
    members = place("eu", version="v2")
    others = place("eu", version="v1")
    both = [("eu", members[0][1] + others[0][1])]
    found = apply_locality(scope(), policy(failover_priority=("version=v1",)), groups(both), both)
    assert priorities(found) == [0, 1]
    assert len(found[0]["lb_endpoints"]) == 1


@given(st.lists(st.sampled_from(["eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "asia/b/2"]), min_size=1, unique=True))
def test_priorities_always_start_at_zero_and_have_no_gap(localities: list[str]) -> None:
    members = place(*localities)
    found = priorities(apply_locality(scope(), policy(), groups(members), members))
    assert set(found) == set(range(max(found) + 1))
