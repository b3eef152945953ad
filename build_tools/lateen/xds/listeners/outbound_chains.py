"""Filter chains of one port of one service that applications call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from lateen.diagnostics import Origin
from lateen.model.identity import Ref
from lateen.model.routing import TcpMatch, TcpRoute, TcpRule
from lateen.model.service import Protocol, Service
from lateen.scope.views import ProxyScope, ServiceView
from lateen.xds.effective_policy import effective_policy
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.listeners import tcp
from lateen.xds.listeners.chain_matrix import PLAIN_HTTP, RAW
from lateen.xds.listeners.http_connection_manager import http_chain
from lateen.xds.listeners.listener import filter_chain, prefix_range
from lateen.xds.names import outbound_cluster
from lateen.xds.provenance import config_metadata
from lateen.xds.routes.attachment import covers
from lateen.xds.routes.domains import dns_domain, short_names
from lateen.xds.routes.target import Place
from lateen.xds.snapshot import Config

PROXY_OPTIONS: Config = {
    # Python's http.client, and so every client built on it, opens tunnels as HTTP/1.0.
    "http_protocol_options": {"accept_http_10": True},
    "upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
}
"""Fields of a connection manager that applications use as their HTTP proxy."""


@dataclass(frozen=True, slots=True)
class OutboundChain:
    """Filters with what they match: names asked for by TLS, destination ranges, or plaintext HTTP."""

    filters: tuple[Config, ...]
    origin: Origin
    sni: frozenset[str] = frozenset()
    ranges: frozenset[str] = frozenset()
    sniffed_http: bool = False
    ref: Ref | None = field(default=None)

    @property
    def matches_all(self) -> bool:
        """Whether it takes every connection."""
        return not self.sni and not self.ranges and not self.sniffed_http

    @property
    def key(self) -> tuple[object, ...]:
        """What Envoy tells chains apart by: two chains of one listener with equal keys would be refused."""
        return self.sni, self.ranges, self.sniffed_http

    def config(self) -> Config:
        """Envoy's filter chain."""
        match: Config = {}
        if self.ranges:
            match["prefix_ranges"] = [prefix_range(cidr) for cidr in sorted(self.ranges)]
        if self.sni:
            match["server_names"] = sorted(self.sni)
        if self.sniffed_http:
            match["transport_protocol"] = RAW
            match["application_protocols"] = list(PLAIN_HTTP)
        config = filter_chain(self.filters, match)
        return config | ({"metadata": config_metadata(self.ref)} if self.ref else {})


@dataclass(frozen=True, slots=True)
class Port:
    """The port being built: of a service, or of a Sidecar's egress listener that leads to the service.

    `distinct` says whether the address alone tells the service, so that its name need not be asked for.
    """

    number: int
    protocol: Protocol
    view: ServiceView
    distinct: bool = True
    ranges: frozenset[str] = frozenset()

    @property
    def service(self) -> Service:
        """The service."""
        return self.view.service


@dataclass(frozen=True, slots=True)
class ChainBuilder:
    """Builds the chains of a proxy's outbound listeners."""

    scope: ProxyScope
    services: Mapping[str, ServiceView]

    def http(self, port: Port, name: str, routes: str, *, sniffed: bool) -> OutboundChain:
        """The chain of a listener's HTTP; `sniffed` where other traffic may come as well."""
        options = PROXY_OPTIONS if port.protocol is Protocol.HTTP_PROXY else {}
        chain = Chain(self.scope, Direction.OUTBOUND, port.number)
        filters = tuple(http_chain(chain, f"outbound_{name}", routes, **options))
        return OutboundChain(filters, port.service.ref.origin, sniffed_http=sniffed)

    def tcp(self, port: Port) -> list[OutboundChain]:
        """The chains of what is not HTTP: by the rules of VirtualServices, else to the service's own cluster."""
        routes = [route for route in self._routes() if any(covers(host, port.service.hostname) for host in route.hosts)]
        if port.protocol.is_tls:
            return list(self._tls(port, [route for route in routes if route.tls]))
        return list(self._opaque(port, [route for route in routes if not route.tls]))

    def _routes(self) -> tuple[TcpRoute, ...]:
        return self.scope.outbound.tcp_routes if self.scope.outbound else ()

    def _tls(self, port: Port, routes: Iterable[TcpRoute]) -> Iterator[OutboundChain]:
        seen: set[tuple[object, ...]] = set()
        for route, rule, match in _matching(routes, port.number):
            built = self._by_rule(port, route, rule, _ranges(match) or port.ranges, frozenset(match.sni_hosts))
            # Of rules that Envoy could not tell apart the first holds.
            if built and built.key not in seen:
                seen.add(built.key)
                yield built
        if not seen:
            names = frozenset() if port.distinct and not port.ranges else self._names(port.service)
            yield self._to_service(port, names)

    def _opaque(self, port: Port, routes: Iterable[TcpRoute]) -> Iterator[OutboundChain]:
        taken: set[frozenset[str]] = set()
        for route in routes:
            for rule in route.rules:
                matches = [m for m in rule.matches or (TcpMatch(),) if m.port in (0, port.number)]
                ranges = [_ranges(match) for match in matches]
                if not ranges:
                    continue
                # A match without ranges takes everything that is left; nothing after it can be reached.
                final = any(not chosen for chosen in ranges)
                chosen = port.ranges if final else frozenset().union(*ranges)
                built = self._by_rule(port, route, rule, chosen)
                if built and chosen not in taken:
                    taken.add(chosen)
                    yield built
                if final:
                    return
        if port.ranges not in taken:
            yield self._to_service(port)

    def _by_rule(
        self,
        port: Port,
        route: TcpRoute,
        rule: TcpRule,
        ranges: frozenset[str],
        sni: frozenset[str] = frozenset(),
    ) -> OutboundChain | None:
        chain = Chain(self.scope, Direction.OUTBOUND, port.number)
        prefix = f"{route.ref.name}.{route.ref.namespace}"
        filters = tcp.to_destinations(chain, rule.destinations, Place(port.number, self.services), prefix)
        names = frozenset() if "*" in sni else sni
        return OutboundChain(tuple(filters), route.ref.at(rule.path), names, ranges, ref=route.ref) if filters else None

    def _to_service(self, port: Port, names: frozenset[str] = frozenset()) -> OutboundChain:
        """To the service itself; a port of the user's own choice leads to the service's only one."""
        ports = port.service.ports
        number = ports[0].number if len(ports) == 1 else port.number
        cluster = outbound_cluster(number, port.service.hostname)
        chain = Chain(self.scope, Direction.OUTBOUND, port.number)
        filters = tcp.to_cluster(chain, cluster, effective_policy(port.view.rule, number), port.service)
        return OutboundChain(tuple(filters), port.service.ref.origin, names, port.ranges)

    def _names(self, service: Service) -> frozenset[str]:
        """Names by which a client may ask for the service in TLS: its own, and those of its aliases."""
        others = (view.service for view in self.services.values())
        aliases = [other.hostname for other in others if other.alias_of == service.hostname]
        domain = dns_domain(self.scope.proxy)
        shorts = [name for alias in aliases for name in (alias, *short_names(alias, domain))]
        return frozenset((service.hostname, *shorts))


def _matching(routes: Iterable[TcpRoute], port: int) -> Iterator[tuple[TcpRoute, TcpRule, TcpMatch]]:
    for route in routes:
        for rule in route.rules:
            for match in rule.matches:
                if match.port in (0, port):
                    yield route, rule, match


def _ranges(match: TcpMatch) -> frozenset[str]:
    """The match's ranges in one spelling; `0.0.0.0/0` is no condition."""
    networks = (ip_network(subnet, strict=False) for subnet in match.destination_subnets)
    return frozenset(str(network) for network in networks if network.prefixlen)
