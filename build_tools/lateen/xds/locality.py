"""Locality load balancing: shares by `distribute`, priorities by `failover` or `failoverPriority`.

The rules are Istio's: one of the two applies, distribution first; failover needs outlier detection, since Envoy leaves
a priority only when its hosts are ejected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from lateen.model.service import Endpoint
from lateen.model.traffic_policy import LocalityLb, TrafficPolicy
from lateen.scope.views import ProxyScope
from lateen.xds.snapshot import Config

Members = Sequence[tuple[str, Sequence[Endpoint]]]
"""Locality and its endpoints, in the order of the groups."""


def locality_settings(scope: ProxyScope, policy: TrafficPolicy) -> LocalityLb | None:
    """The destination's settings, else the mesh's; None when switched off."""
    own = policy.load_balancer.locality if policy.load_balancer else None
    if own is None:
        mesh = scope.config
        own = LocalityLb(mesh.locality_enabled, mesh.locality_distribute, mesh.locality_failover)
    return own if own.enabled else None


def weighs_localities(scope: ProxyScope, policy: TrafficPolicy) -> bool:
    """Whether the cluster must pick a locality by weight before it picks a host."""
    settings = locality_settings(scope, policy)
    if settings is None:
        return False
    fails_over = policy.outlier_detection is not None and bool(settings.failover or settings.failover_priority)
    return bool(settings.distribute) or fails_over


def apply_locality(scope: ProxyScope, policy: TrafficPolicy, groups: list[Config], members: Members) -> list[Config]:
    """The groups with weights or priorities; unchanged when neither applies."""
    settings = locality_settings(scope, policy)
    if settings is None or not groups:
        return groups
    if settings.distribute:
        return _distribute(scope.proxy.locality, settings, groups, members)
    if policy.outlier_detection is None:
        return groups
    if settings.failover_priority:
        return _by_labels(scope.proxy.labels, settings.failover_priority, groups, members)
    ranks = [_rank(scope.proxy.locality, locality, dict(settings.failover)) for locality, _ in members]
    return _prioritized(groups, ranks)


def _distribute(own: str, settings: LocalityLb, groups: list[Config], members: Members) -> list[Config]:
    shares = next((to for source, to in settings.distribute if _covers(source, own)), None)
    if shares is None:
        return groups
    weights: dict[int, int] = {}
    for pattern, share in shares:
        hit = [i for i, (locality, _) in enumerate(members) if i not in weights and _covers(pattern, locality)]
        total = sum(groups[i]["load_balancing_weight"] for i in hit)
        for i in hit:
            weights[i] = ceil(share * groups[i]["load_balancing_weight"] / total)
    return [groups[i] | {"load_balancing_weight": weights[i]} for i in sorted(weights) if weights[i]]


def _covers(pattern: str, locality: str) -> bool:
    """Whether `region/zone/*` or a shorter or exact pattern covers a locality."""
    if pattern == "*":
        return True
    parts = pattern.removesuffix("/*").split("/")
    return locality.split("/")[: len(parts)] == parts


def _rank(own: str, other: str, failover: Mapping[str, str]) -> int:
    """0 same sub-zone, 1 same zone, 2 same region, 3 elsewhere, 4 elsewhere but not where this region fails over to."""
    mine, theirs = _parts(own), _parts(other)
    if mine == theirs:
        return 0
    if mine[:2] == theirs[:2]:
        return 1
    if mine[0] == theirs[0]:
        return 2
    return 3 if failover.get(mine[0], theirs[0]) == theirs[0] else 4


def _parts(locality: str) -> tuple[str, ...]:
    return tuple([*locality.split("/"), "", ""][:3])


def _prioritized(groups: list[Config], ranks: Sequence[int]) -> list[Config]:
    """Envoy wants priorities without gaps: ranks are numbered from 0 in their order."""
    number = {rank: priority for priority, rank in enumerate(sorted(set(ranks)))}
    return [
        group | {"priority": number[rank]} if number[rank] else group for group, rank in zip(groups, ranks, strict=True)
    ]


def _by_labels(
    labels: Mapping[str, str], wanted: Sequence[str], groups: list[Config], members: Members
) -> list[Config]:
    """Each locality split by how many leading labels its endpoints share with this proxy."""
    split: list[Config] = []
    ranks: list[int] = []
    for group, (_, endpoints) in zip(groups, members, strict=True):
        by_rank: dict[int, list[Config]] = {}
        for endpoint, host in zip(endpoints, group["lb_endpoints"], strict=True):
            by_rank.setdefault(len(wanted) - _shared(labels, endpoint.labels, wanted), []).append(host)
        for rank, hosts in sorted(by_rank.items()):
            weight = sum(host["load_balancing_weight"] for host in hosts)
            split.append(group | {"lb_endpoints": hosts, "load_balancing_weight": weight})
            ranks.append(rank)
    return _prioritized(split, ranks)


def _shared(mine: Mapping[str, str], theirs: Mapping[str, str], wanted: Sequence[str]) -> int:
    """How many of the labels agree, in order, up to the first that does not; `key=value` fixes this proxy's value."""
    for count, label in enumerate(wanted):
        key, fixed, value = label.partition("=")
        if (value if fixed else mine.get(key, "")) != theirs.get(key, ""):
            return count
    return len(wanted)
