"""Route configurations of a gateway: one for all plain HTTP servers of a port, one for each server that ends TLS."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Origin
from lateen.model.gateway import Server
from lateen.model.routing import HttpRoute, TcpRoute
from lateen.scope.views import GatewayPort, GatewayServer, GatewayView, ProxyScope, ServiceView
from lateen.xds.names import domain, gateway_route
from lateen.xds.resources import Resources
from lateen.xds.routes.attachment import covers
from lateen.xds.routes.rules import BuiltRoute, build_routes, catch_all_last
from lateen.xds.routes.target import Place
from lateen.xds.routes.virtual_host import VirtualHost, route_configuration


def gateway_routes(scope: ProxyScope) -> Resources:
    """Route configurations by name (`http.8080`, `https.443.https.gateway.namespace`)."""
    view = scope.gateway
    if view is None:
        return Resources()
    services = {service.service.hostname: service for service in reversed(view.services)}
    return Resources.merge(_of_port(view, port, services) for port in view.ports)


def _of_port(view: GatewayView, port: GatewayPort, services: dict[str, ServiceView]) -> Resources:
    by_name: dict[str, list[GatewayServer]] = {}
    for server in port.servers:
        if name := gateway_route(port, server):
            by_name.setdefault(name, []).append(server)
    return Resources.merge(
        route_configuration(name, _GatewayHosts(view, services).build(servers)) for name, servers in by_name.items()
    )


class _GatewayHosts:
    """Virtual hosts of one route configuration in the making: routes and redirection by host."""

    def __init__(self, view: GatewayView, services: dict[str, ServiceView]) -> None:
        self.view = view
        self.services = services
        self.port = 0
        self.routes: dict[str, list[BuiltRoute]] = {}
        self.sources: dict[str, tuple[int, ...]] = {}
        self.origins: dict[str, Origin] = {}
        self.redirected: set[str] = set()

    def build(self, servers: list[GatewayServer]) -> list[VirtualHost]:
        for server in servers:
            self._add_server(server)
        number = servers[0].server.port
        if not self.routes:
            # Without routes Envoy answers 404, and the listener exists.
            return [VirtualHost(domain("blackhole", number), ("*",), (), count_attempts=False)]
        return sorted(self._collapsed(number), key=lambda host: host.name)

    def _add_server(self, server: GatewayServer) -> None:
        declared = server.server
        redirect = declared.tls is not None and declared.tls.https_redirect
        place = Place(declared.port, self.services, server.key, tls=declared.tls is not None)
        for route in self.view.routes_of(server.key):
            hosts = shared_hosts(declared, server.gateway.namespace, route)
            routes = build_routes(route, place) if hosts else []
            for host in hosts if routes else ():
                self._add(host, route, routes)
                if redirect:
                    self.redirected.add(host)
        for _, host in declared.hosts if redirect else ():
            name = host.lower()
            self.redirected.add(name)
            self.routes.setdefault(name, [])
            self.sources.setdefault(name, ())
            self.origins.setdefault(name, server.gateway.origin)

    def _add(self, host: str, route: HttpRoute, routes: list[BuiltRoute]) -> None:
        self.routes.setdefault(host, []).extend(routes)
        self.sources[host] = (*self.sources.get(host, ()), id(route))
        self.origins.setdefault(host, route.ref.origin)

    def _collapsed(self, port: int) -> Iterator[VirtualHost]:
        """Hosts with the same routes share a virtual host, named after the first of them."""
        groups: dict[tuple[tuple[int, ...], bool], list[str]] = {}
        for host in sorted(self.routes):
            groups.setdefault((self.sources[host], host in self.redirected), []).append(host)
        for (_, redirect), hosts in groups.items():
            routes = catch_all_last(self.routes[hosts[0]])
            name = domain(hosts[0], port)
            yield VirtualHost(name, tuple(hosts), routes, self.origins[hosts[0]], require_tls=redirect)


def shared_hosts(server: Server, gateway_namespace: str, route: HttpRoute | TcpRoute) -> list[str]:
    """Hosts that server and route have in common; of a wildcard and what it covers, the narrower."""
    found: dict[str, None] = {}
    for namespace, offered in server.hosts:
        wanted = gateway_namespace if namespace == "." else namespace
        if wanted not in ("*", route.ref.namespace):
            continue
        for host in route.hosts:
            if covers(host, offered):
                found[offered.lower()] = None
            elif covers(offered, host):
                found[host.lower()] = None
    return list(found)
