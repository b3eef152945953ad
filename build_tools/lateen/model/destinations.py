"""Destinations of routes, and the header changes that go with them."""

from __future__ import annotations

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.checks import port_number, valid_host
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.routing import Destination, HeaderOps, WeightedDestination


def destination(section: Fields, context: Context) -> Destination | None:
    """Where a route leads; None (and reported) if it names no usable host."""
    name = section.text("host")
    if not section or not name:
        section.report(codes.MISSING, problem="the destination has no host")
        return None
    # `*` stands for the request's own destination in some TCP routes; Istio takes it with a warning of its own.
    if not hosts.is_address(name) and not valid_host(section, name, "host"):
        return None
    port = section.section("port")
    return Destination(
        host=context.host(name, section.resource.namespace),
        subset=section.text("subset"),
        port=port_number(port) if port else 0,
    )


def weighted_destinations(section: Fields, context: Context) -> tuple[WeightedDestination, ...]:
    """The destinations under `route` with their shares; a single one takes everything whatever its weight says."""
    routes = section.sections("route")
    result = []
    total = 0
    for route in routes:
        weight = route.integer("weight")
        if weight is not None and weight < 0:
            route.report(codes.INVALID_WEIGHT, "weight", problem=f"weight {weight} is negative")
            weight = 0
        total += weight or 0
        target = destination(route.section("destination"), context)
        headers = route.section("headers")
        if target:
            result.append(
                WeightedDestination(
                    destination=target,
                    weight=100 if len(routes) == 1 else weight or 0,
                    request_headers=header_ops(headers.section("request")),
                    response_headers=header_ops(headers.section("response")),
                )
            )
    if len(routes) > 1 and not total:
        section.report(codes.INVALID_WEIGHT, "route", problem="the weights of the destinations sum to 0")
    return tuple(result)


def header_ops(section: Fields) -> HeaderOps:
    """Changes to the headers of a request or response."""
    if not section:
        return HeaderOps()
    for name in ("set", "add"):
        for header in section.labels(name):
            if not header:
                section.report(codes.INVALID_HEADER, name, problem="a header name is empty")
    removed = section.texts("remove")
    for index, header in enumerate(removed):
        if not header or header.startswith(":") or header.lower() == "host":
            section.report(codes.INVALID_HEADER, "remove", index, problem=f"header {header!r} cannot be removed")
    return HeaderOps(section.pairs("set"), section.pairs("add"), removed)
