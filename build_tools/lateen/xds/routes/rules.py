"""Rules of a VirtualService (or route of the Gateway API) as Envoy routes."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Origin
from lateen.model.routing import HttpMatch, HttpRoute, HttpRule
from lateen.model.traffic_policy import ConsistentHash
from lateen.xds.names import domain
from lateen.xds.provenance import config_metadata
from lateen.xds.routes.action import action, hash_policy, timeouts
from lateen.xds.routes.match import EVERYTHING, is_catch_all, route_match
from lateen.xds.routes.per_filter import per_filter_config
from lateen.xds.routes.retry import retry_policy
from lateen.xds.routes.target import Place
from lateen.xds.snapshot import Config

BuiltRoute = tuple[Config, Origin]
"""An Envoy route and the rule that it was made from."""

_GATEWAY_API = ("HTTPRoute", "GRPCRoute")


def build_routes(route: HttpRoute, place: Place) -> list[BuiltRoute]:
    """The routes of all rules that apply at this place, in the user's order.

    Rules and matches for another port or gateway are left out; what follows a route that matches everything is too,
    for it can never be reached.
    """
    built: list[BuiltRoute] = []
    for rule in route.rules:
        for match, origin in _applicable(route, rule, place):
            config = _route(route, rule, match, place)
            built.append((config, origin))
            if is_catch_all(config["match"]):
                return built
    return built


def default_route(cluster: str, operation: str, chosen: ConsistentHash | None = None) -> Config:
    """The route of a service without rules of its own."""
    route: Config = {"cluster": cluster} | timeouts(None)
    if chosen is not None:
        route["hash_policy"] = [hash_policy(chosen)]
    route |= retry_policy(None, hashed=chosen is not None)
    return {"name": "default", "match": EVERYTHING, "decorator": {"operation": operation}, "route": route}


def catch_all_last(routes: list[BuiltRoute]) -> list[BuiltRoute]:
    """Routes of several rule sets on one host: those that match everything come last."""
    return sorted(routes, key=lambda built: is_catch_all(built[0]["match"]))


def _applicable(route: HttpRoute, rule: HttpRule, place: Place) -> Iterator[tuple[HttpMatch | None, Origin]]:
    """The rule's matches that hold at this place, with where they stand; None for a rule that matches everything."""
    if not rule.matches:
        yield None, route.ref.at(rule.path)
    for index, match in enumerate(rule.matches):
        if match.port in (0, place.port) and (not match.gateways or place.gateway in match.gateways):
            yield match, route.ref.at(rule.path, "match", index)


def _route(route: HttpRoute, rule: HttpRule, match: HttpMatch | None, place: Place) -> Config:
    gateway_api = route.ref.kind in _GATEWAY_API
    matched = route_match(match, segments=gateway_api)
    config: Config = {}
    if name := f"{rule.name}.{match.name}" if match and match.name else rule.name:
        config["name"] = name
    config["match"] = matched
    config["metadata"] = config_metadata(route.ref)
    if match and match.stat_prefix:
        config["stat_prefix"] = match.stat_prefix
    config |= action(rule, place, matched, gateway_api=gateway_api)
    config["decorator"] = {"operation": _operation(config, route.ref.name, place.port)}
    return config | per_filter_config(rule)


def _operation(config: Config, name: str, port: int) -> str:
    """What traces call the route: `host:port/path` of its only destination, else the VirtualService's name."""
    matched = config["match"]
    path = "/*"
    if "prefix" in matched:
        path = f"{matched['prefix']}*"
    elif "path" in matched:
        path = matched["path"]
    elif "safe_regex" in matched:
        path = matched["safe_regex"]["regex"]
    cluster = config.get("route", {}).get("cluster", "")
    if cluster.count("|") == 3:
        _, number, _, host = cluster.split("|")
        return domain(host, int(number)) + path
    return f"{name}:{port}{path}"
