"""Which routes a client or router follows, without what cannot apply to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from lateen.model.context import visible
from lateen.model.routing import HttpMatch, HttpRoute, HttpRule, TcpMatch, TcpRoute, TcpRule

_Route = TypeVar("_Route", HttpRoute, TcpRoute)
_Match = TypeVar("_Match", HttpMatch, TcpMatch)


def bound_routes(
    routes: Iterable[_Route], gateway: str, namespace: str, labels: Mapping[str, str]
) -> tuple[_Route, ...]:
    """The routes bound to `gateway` that `namespace` sees, with the rules that can apply to this client.

    In order of precedence: private to the namespace, exported to it by name, public; by age within each
    (Istio: `VirtualServicesForGateway`). A route without rules left is gone.
    """
    seen = [route for route in routes if gateway in route.gateways and visible(route.export_to, namespace)]
    seen.sort(key=lambda route: _rank(route, namespace))
    narrowed = (_narrowed(route, gateway, namespace, labels) for route in seen)
    return tuple(route for route in narrowed if route.rules)


def _rank(route: HttpRoute | TcpRoute, namespace: str) -> int:
    if "*" in route.export_to:
        return 2
    return 0 if route.ref.namespace == namespace else 1


def _narrowed(route: _Route, gateway: str, namespace: str, labels: Mapping[str, str]) -> _Route:
    if isinstance(route, HttpRoute):
        http = (_narrowed_rule(rule, gateway, namespace, labels) for rule in route.rules)
        return replace(route, rules=tuple(rule for rule in http if rule))
    tcp = (_narrowed_rule(rule, gateway, namespace, labels) for rule in route.rules)
    return replace(route, rules=tuple(rule for rule in tcp if rule))


_Rule = TypeVar("_Rule", HttpRule, TcpRule)


def _narrowed_rule(rule: _Rule, gateway: str, namespace: str, labels: Mapping[str, str]) -> _Rule | None:
    if not rule.matches:
        return rule
    left = tuple(m for m in (_narrowed_match(m, gateway, namespace, labels) for m in rule.matches) if m)
    return replace(rule, matches=left) if left else None


def _narrowed_match(match: _Match, gateway: str, namespace: str, labels: Mapping[str, str]) -> _Match | None:
    """The match without the conditions on the client, which hold for this one; None if they do not."""
    if match.gateways and gateway not in match.gateways:
        return None
    if match.source_namespace not in ("", namespace):
        return None
    if any(labels.get(key) != value for key, value in match.source_labels):
        return None
    return replace(match, gateways=(), source_labels=(), source_namespace="")
