"""The loadBalancer part of a traffic policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.diagnostics.codes import model as codes
from lateen.model.checks import exclusive
from lateen.model.fields import Fields
from lateen.model.traffic_policy import ConsistentHash, LoadBalancer, LocalityLb


def load_balancer(section: Fields) -> LoadBalancer | None:
    """How a host is chosen; None if absent."""
    if not section:
        return None
    exclusive(section, "simple", "consistentHash")
    simple = section.text("simple")
    hashing = section.section("consistentHash")
    warmup = section.section("warmup")
    if hashing and (warmup or "warmupDurationSecs" in section):
        section.report(codes.CONTRADICTION, problem="warmup works with ROUND_ROBIN and LEAST_REQUEST only")
    locality = section.section("localityLbSetting")
    old_warmup = section.duration("warmupDurationSecs")
    return LoadBalancer(
        simple={"UNSPECIFIED": "", "LEAST_CONN": "LEAST_REQUEST"}.get(simple, simple),
        consistent_hash=_consistent_hash(hashing) if hashing else None,
        locality=_locality(locality) if locality else None,
        warmup=warmup.duration("duration", minimum=1.0) if warmup else old_warmup,
        warmup_minimum_percent=warmup.number("minimumPercent"),
        warmup_aggression=_aggression(warmup),
    )


def _aggression(section: Fields) -> float | None:
    value = section.number("aggression")
    if value is not None and value < 1:
        section.report(codes.INVALID_VALUE, "aggression", problem=f"aggression is {value:g}, which is not at least 1")
    return value


def _consistent_hash(section: Fields) -> ConsistentHash:
    exclusive(section, "httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName")
    exclusive(section, "ringHash", "maglev")
    cookie = section.section("httpCookie")
    maglev = section.section("maglev")
    ring = section.section("ringHash")
    old_ring_size = section.integer("minimumRingSize") or 0
    result = ConsistentHash(
        header=section.text("httpHeaderName"),
        cookie=(cookie.text("name"), cookie.text("path"), cookie.duration("ttl")) if cookie else None,
        source_ip=section.flag("useSourceIp") or False,
        query=section.text("httpQueryParameterName"),
        ring="maglev" if maglev else "ring_hash",
        minimum_ring_size=ring.integer("minimumRingSize") or old_ring_size,
        table_size=maglev.integer("tableSize") or 0,
    )
    if not (result.header or result.cookie or result.source_ip or result.query):
        problem = "consistentHash needs one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName"
        section.report(codes.MISSING, problem=problem)
    if maglev and result.table_size and not _is_prime(result.table_size):
        maglev.report(codes.INVALID_VALUE, "tableSize", problem=f"table size {result.table_size} is not a prime number")
    return result


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))


def _locality(section: Fields) -> LocalityLb:
    exclusive(section, "distribute", "failover")
    exclusive(section, "distribute", "failoverPriority")
    distribute = []
    for item in section.sections("distribute"):
        to = _shares(item.mapping("to"))
        if sum(share for _, share in to) != 100:
            item.report(codes.INVALID_WEIGHT, "to", problem="the shares of a locality do not sum to 100")
        distribute.append((item.text("from"), to))
    failover = []
    for item in section.sections("failover"):
        pair = (item.text("from"), item.text("to"))
        if pair[0] == pair[1]:
            item.report(codes.CONTRADICTION, problem=f"locality {pair[0]!r} fails over to itself")
        failover.append(pair)
    return LocalityLb(
        enabled=section.flag("enabled") is not False,
        distribute=tuple(distribute),
        failover=tuple(failover),
        failover_priority=section.texts("failoverPriority"),
    )


def _shares(body: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((str(place), int(share)) for place, share in body.items()))
