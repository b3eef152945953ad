"""What a router serves: one listener per port, with a chain for each set of names that clients ask for by TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import listeners as codes
from lateen.model.gateway import Server
from lateen.model.routing import TcpMatch, TcpRoute, TcpRule
from lateen.scope.views import GatewayPort, GatewayServer, GatewayView, ProxyScope, ServiceView
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.listeners import tcp
from lateen.xds.listeners.http_connection_manager import http_chain
from lateen.xds.listeners.listener import (
    TLS_INSPECTOR,
    Bind,
    BuiltListener,
    filter_chain,
    listener,
    listener_name,
    resources,
    wildcards,
)
from lateen.xds.names import gateway_route
from lateen.xds.resources import Resources
from lateen.xds.routes.gateway import shared_hosts
from lateen.xds.routes.target import Place
from lateen.xds.snapshot import Config
from lateen.xds.tls import server_context


def gateway_listeners(scope: ProxyScope) -> Resources:
    """The listeners of a router; a port on which nothing could be reached has none."""
    view = scope.gateway
    if view is None:
        return Resources()
    ports = [_PortBuilder(scope, view, port) for port in view.ports]
    built = [item for port in ports if (item := port.build())]
    return resources(built, (finding for port in ports for finding in port.findings))


@dataclass(frozen=True, slots=True)
class _Served:
    """A chain in the making: its filters, the names it is for (none: all), and TLS that ends in it."""

    filters: list[Config]
    names: tuple[str, ...]
    origin: Origin
    title: str
    transport_socket: Config | None = None

    def config(self) -> Config:
        match = {"server_names": list(self.names)} if self.names else None
        return filter_chain(self.filters, match, transport_socket=self.transport_socket)


class _PortBuilder:
    """The listener of one port in the making."""

    def __init__(self, scope: ProxyScope, view: GatewayView, port: GatewayPort) -> None:
        self.scope = scope
        self.view = view
        self.port = port
        self.findings: list[Diagnostic] = []
        self._chain = Chain(scope, Direction.GATEWAY, port.port)
        self._bind = _bind(scope, port)
        self._name = listener_name(self._bind.primary, port.port)
        self._services: dict[str, ServiceView] = {v.service.hostname: v for v in reversed(view.services)}
        self._taken: set[str] = set()

    def build(self) -> BuiltListener | None:
        """The listener, or None if no server has anything behind it."""
        chains = [chain for chain in self._chains() if self._claims(chain)]
        if not chains:
            return None
        asks_names = any(chain.names or chain.transport_socket for chain in chains)
        config = listener(
            self._chain,
            self._name,
            self._bind,
            self.port.port,
            listener_filters=[TLS_INSPECTOR] if asks_names else None,
            # Which chain to take cannot be guessed, so the client's hello is waited for.
            listener_filters_timeout="0s",
            filter_chains=[chain.config() for chain in chains],
        )
        origins = [("", chains[0].origin), *((f"filter_chains[{i}]", chain.origin) for i, chain in enumerate(chains))]
        return BuiltListener(config, tuple(origins))

    def _chains(self) -> Iterator[_Served]:
        first = self.port.servers[0]
        if gateway_route(self.port, first).startswith("http."):
            # Plain HTTP needs one chain for all servers: their hosts are virtual hosts.
            yield self._http(first, ())
            return
        for placed in self.port.servers:
            yield from self._server(placed)

    def _server(self, placed: GatewayServer) -> Iterator[_Served]:
        server = placed.server
        mode = server.tls.mode if server.tls else ""
        if gateway_route(self.port, placed):
            yield self._http(placed, _names(server), server_context(self.scope, server))
        elif mode == "AUTO_PASSTHROUGH":
            self._report(
                codes.AUTO_PASSTHROUGH.at(
                    placed.gateway.at(placed.server.path), server=_title(placed), port=server.port
                )
            )
        elif mode == "PASSTHROUGH":
            yield from self._by_name(placed)
        else:
            socket = server_context(self.scope, server) if server.tls else None
            yield from self._opaque(placed, _names(server) if server.tls else (), socket)

    def _http(self, placed: GatewayServer, names: tuple[str, ...], socket: Config | None = None) -> _Served:
        prefix = placed.server.name if socket and placed.server.name else f"outbound_{self._name}"
        filters = http_chain(self._chain, prefix, gateway_route(self.port, placed))
        return _Served(filters, names, placed.gateway.at(placed.server.path), _title(placed), socket)

    def _opaque(self, placed: GatewayServer, names: tuple[str, ...], socket: Config | None) -> Iterator[_Served]:
        """All connections by the first TCP rule for the port."""
        for route, rule, _ in self._rules(placed, tls=False):
            if filters := self._filters(placed, route, rule):
                yield _Served(filters, names, route.ref.at(rule.path), _title(placed), socket)
                return

    def _by_name(self, placed: GatewayServer) -> Iterator[_Served]:
        """Connections whose TLS goes on, by the name that the client asks for."""
        for route, rule, match in self._rules(placed, tls=True):
            if filters := self._filters(placed, route, rule):
                names = () if "*" in match.sni_hosts else tuple(sorted(match.sni_hosts))
                yield _Served(filters, names, route.ref.at(rule.path), _title(placed))

    def _rules(self, placed: GatewayServer, *, tls: bool) -> Iterator[tuple[TcpRoute, TcpRule, TcpMatch]]:
        routes = dict(self.view.tcp_routes).get(placed.key, ())
        for route in routes:
            if route.tls is not tls or not shared_hosts(placed.server, placed.gateway.namespace, route):
                continue
            for rule in route.rules:
                for match in rule.matches or (TcpMatch(),):
                    if match.port in (0, placed.server.port):
                        yield route, rule, match

    def _filters(self, placed: GatewayServer, route: TcpRoute, rule: TcpRule) -> list[Config]:
        place = Place(placed.server.port, self._services, placed.key)
        return tcp.to_destinations(self._chain, rule.destinations, place, f"{route.ref.name}.{route.ref.namespace}")

    def _claims(self, chain: _Served) -> bool:
        """Whether the chain's names are free on this port; Envoy refuses a listener with two chains for one name."""
        names = set(chain.names) or {"*"}
        if taken := names & self._taken:
            finding, hosts = codes.SERVER_HOSTS_TAKEN, ", ".join(sorted(taken))
            self._report(
                finding.at(chain.origin, hint=finding.fix, server=chain.title, port=self.port.server_port, hosts=hosts)
            )
            return False
        self._taken |= names
        return True

    def _report(self, finding: Diagnostic) -> None:
        self.findings.append(finding)


def _bind(scope: ProxyScope, port: GatewayPort) -> Bind:
    """Istio's address in the name; where it listens may be replaced, unless the server itself names an address."""
    if port.bind:
        return Bind((port.bind,))
    return Bind(wildcards(scope.proxy), replaced=str(scope.proxy.metadata.get("LATEEN_BIND_ADDRESS", "")))


def _names(server: Server) -> tuple[str, ...]:
    """The names that clients ask for; none if any host will do."""
    hosts = {host for _, host in server.hosts}
    return () if "*" in hosts else tuple(sorted(hosts))


def _title(placed: GatewayServer) -> str:
    return placed.server.name or f"{placed.key}:{placed.server.port_name}"
