"""Virtual hosts of a sidecar's outbound traffic, port by port."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from lateen.model.proxy import Proxy
from lateen.model.routing import HttpRoute
from lateen.model.service import Protocol, Resolution
from lateen.scope.views import ServiceView
from lateen.xds.effective_policy import consistent_hash
from lateen.xds.names import domain, outbound_cluster
from lateen.xds.routes.attachment import Attachments
from lateen.xds.routes.domains import DomainSet, dns_domain
from lateen.xds.routes.rules import BuiltRoute, build_routes, default_route
from lateen.xds.routes.target import Place
from lateen.xds.routes.virtual_host import VirtualHost

_HTTP = 80


class OutboundHosts:
    """The virtual hosts for a set of visible services and the routes of the mesh."""

    def __init__(self, proxy: Proxy, services: Iterable[ServiceView], routes: Iterable[HttpRoute]) -> None:
        self.proxy = proxy
        self.routes = tuple(routes)
        self.by_host: dict[str, ServiceView] = {}
        self.by_port: dict[int, dict[str, ServiceView]] = {}
        self._aliases: dict[str, list[str]] = {}
        for view in services:
            self._index(view)

    def _index(self, view: ServiceView) -> None:
        service = view.service
        self.by_host.setdefault(service.hostname, view)
        if service.resolution is Resolution.ALIAS:
            self._aliases.setdefault(service.alias_of, []).append(service.hostname)
            return
        if not view.imported:
            return
        for port in service.ports:
            if port.protocol.is_http or port.protocol is Protocol.AUTO:
                self.by_port.setdefault(port.number, {}).setdefault(service.hostname, view)

    @cached_property
    def _attachments(self) -> Attachments:
        return Attachments.of(self.routes)

    def ports(self) -> list[int]:
        """The ports on which some service speaks HTTP, or may."""
        return sorted(self.by_port)

    def protocol(self, host: str, port: int) -> Protocol:
        """What a service speaks on a port."""
        declared = self.by_host[host].service.port(port)
        return declared.protocol if declared else Protocol.AUTO

    def of_port(self, port: int) -> list[VirtualHost]:
        """The virtual hosts of a port, sorted by name.

        First come the hosts of VirtualServices in their order, so that the oldest wins a name; then the services that
        no rule speaks of. A VirtualService's host that is no service is served where the same VirtualService serves
        one, and always on port 80, as in Istio.
        """
        return _PortHosts(self, port).build()

    def domains_of(self, view: ServiceView, domains: DomainSet) -> tuple[str, ...]:
        """The service's names that are still free."""
        return domains.of_service(view.service, self._aliases.get(view.service.hostname, ()))


class _PortHosts:
    """One port's virtual hosts in the making."""

    def __init__(self, outbound: OutboundHosts, port: int) -> None:
        self.outbound = outbound
        self.port = port
        self.services = outbound.by_port.get(port, {})
        self.place = Place(port, outbound.by_host)
        self.domains = DomainSet(dns_domain(outbound.proxy), outbound.by_host.keys())
        self.built: dict[int, list[BuiltRoute]] = {}
        self.hosts: dict[str, VirtualHost] = {}

    def build(self) -> list[VirtualHost]:
        served: dict[int, list[str]] = {}
        plain: list[str] = []
        for host in self.services:
            route = self._attached(host)
            if route is None:
                plain.append(host)
            else:
                served.setdefault(id(route), []).append(host)
        for route in self.outbound.routes:
            self._add_rules(route, served.get(id(route), []))
        for host in plain:
            self._add_default(host)
        return sorted(self.hosts.values(), key=lambda host: host.name)

    def _attached(self, host: str) -> HttpRoute | None:
        """The first route for the service that says anything about this port."""
        candidates = self.outbound._attachments.of_service(host)
        return next((route for route in candidates if self._routes(route)), None)

    def _routes(self, route: HttpRoute) -> list[BuiltRoute]:
        if id(route) not in self.built:
            self.built[id(route)] = build_routes(route, self.place)
        return self.built[id(route)]

    def _add_rules(self, route: HttpRoute, served: list[str]) -> None:
        if not served and self.port != _HTTP:
            return
        for host in self.outbound._attachments.hosts_without_service(route, self.services):
            self._add(host, self.domains.of_host(host), route)
        for host in served:
            self._add(host, self.outbound.domains_of(self.services[host], self.domains), route)

    def _add(self, host: str, domains: tuple[str, ...], route: HttpRoute) -> None:
        if domains and self._routes(route):
            name = domain(host, self.port)
            self.hosts.setdefault(name, VirtualHost(name, domains, self._routes(route), route.ref.origin))

    def _add_default(self, host: str) -> None:
        view = self.services[host]
        name = domain(host, self.port)
        domains = self.outbound.domains_of(view, self.domains)
        if not domains or name in self.hosts:
            return
        chosen = consistent_hash(view.rule, self.port)
        route = default_route(outbound_cluster(self.port, host), f"{name}/*", chosen)
        origin = view.service.ref.origin
        self.hosts[name] = VirtualHost(name, domains, [(route, origin)], origin)
