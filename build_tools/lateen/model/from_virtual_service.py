"""VirtualService: HTTP, TLS and TCP routing for hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.checks import optional_port, valid_host
from lateen.model.context import Context, gateway_key, visibility
from lateen.model.destinations import weighted_destinations
from lateen.model.fields import Fields
from lateen.model.from_http_rule import Delegate, http_rule
from lateen.model.hosts import is_network
from lateen.model.routing import MESH_GATEWAY, HttpRoute, HttpRule, TcpMatch, TcpRoute, TcpRule


@dataclass(frozen=True, slots=True)
class RoutedRule:
    """A rule, with the VirtualService that it delegates to if it does."""

    rule: HttpRule
    delegate: Delegate | None
    fields: Fields


@dataclass(frozen=True, slots=True)
class DraftRoute:
    """The HTTP part of a VirtualService before delegates are put in. `route.hosts` is empty for a delegate."""

    route: HttpRoute
    rules: tuple[RoutedRule, ...]


def virtual_services(body: Fields, context: Context) -> Iterator[DraftRoute | TcpRoute]:
    """The routes of one VirtualService."""
    spec = body.section("spec")
    namespace = body.resource.namespace
    names = _hosts(spec, context, namespace)
    gateways = tuple(gateway_key(name, namespace) for name in spec.texts("gateways")) or (MESH_GATEWAY,)
    http, tls, tcp = spec.sections("http"), spec.sections("tls"), spec.sections("tcp")
    if not any(spec.wrote(name) for name in ("http", "tls", "tcp")):
        spec.report(codes.MISSING, problem="a VirtualService needs http, tls or tcp routes")
    if not spec.texts("hosts"):
        _check_delegate(spec, tls, tcp)
    export_to = visibility(spec.texts("exportTo"), context.config.default_virtual_service_export_to, namespace)
    created = body.resource.created
    if http and (names or not spec.wrote("hosts")):
        rules = tuple(RoutedRule(*http_rule(section, context), section) for section in http)
        yield DraftRoute(HttpRoute(body.ref, names, gateways, (), export_to, created), rules)
    for sections, by_sni in ((tls, True), (tcp, False)):
        if sections and names:
            tcp_rules = tuple(_tcp_rule(section, context, by_sni, names) for section in sections)
            yield TcpRoute(body.ref, names, gateways, tcp_rules, by_sni, export_to, created)


def _hosts(spec: Fields, context: Context, namespace: str) -> tuple[str, ...]:
    names: dict[str, int] = {}
    for index, name in enumerate(spec.texts("hosts")):
        valid = name if hosts.is_address(name) else valid_host(spec, name, "hosts", index)
        full = context.host(valid, namespace)
        if full in names:
            spec.report(codes.DUPLICATE, "hosts", index, problem=f"host {name!r} is given twice")
        if full:
            names.setdefault(full, index)
    gateways = spec.texts("gateways")
    if "*" in names and (not gateways or MESH_GATEWAY in gateways):
        problem = "the host * is for gateways only; routes of the mesh need a name"
        spec.report(codes.INVALID_HOST, "hosts", names["*"], problem=problem)
    return tuple(names)


def _check_delegate(spec: Fields, tls: tuple[Fields, ...], tcp: tuple[Fields, ...]) -> None:
    """A VirtualService without hosts exists to be delegated to, which HTTP rules alone can be."""
    wrong = [name for name, given in (("tls", tls), ("tcp", tcp), ("gateways", spec.texts("gateways"))) if given]
    for name in wrong:
        problem = f"a VirtualService without hosts is a delegate, which has no {name}"
        spec.report(codes.CONTRADICTION, name, key=True, problem=problem)


def _tcp_rule(section: Fields, context: Context, by_sni: bool, names: tuple[str, ...]) -> TcpRule:
    matches = tuple(_tcp_match(match, by_sni, names) for match in section.sections("match"))
    destinations = weighted_destinations(section, context)
    if not destinations:
        section.report(codes.MISSING, problem="the route has no destination")
    return TcpRule(matches, destinations, section.path)


def _tcp_match(section: Fields, by_sni: bool, names: tuple[str, ...]) -> TcpMatch:
    namespace = section.resource.namespace
    sni_hosts = section.texts("sniHosts") if by_sni else ()
    if by_sni and not sni_hosts:
        section.report(codes.MISSING, problem="a TLS match needs sniHosts")
    for index, sni in enumerate(sni_hosts):
        if valid_host(section, sni, "sniHosts", index) and not any(hosts.matches(name, sni) for name in names):
            problem = f"SNI host {sni!r} is not covered by the hosts of the VirtualService"
            section.report(codes.INVALID_HOST, "sniHosts", index, problem=problem)
    subnets = section.texts("destinationSubnets")
    for index, subnet in enumerate(subnets):
        if not is_network(subnet):
            problem = f"{subnet!r} is not an address or CIDR block"
            section.report(codes.INVALID_ADDRESS, "destinationSubnets", index, problem=problem)
    return TcpMatch(
        port=optional_port(section, "port"),
        sni_hosts=sni_hosts,
        destination_subnets=tuple(s for s in subnets if is_network(s)),
        gateways=tuple(gateway_key(name, namespace) for name in section.texts("gateways")),
        source_labels=section.pairs("sourceLabels"),
        source_namespace=section.text("sourceNamespace"),
    )
