"""Route configurations of a sidecar's outbound listeners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lateen.diagnostics import Origin
from lateen.model.service import Protocol, Resolution, Service
from lateen.model.sidecar import EgressListener
from lateen.scope.views import OutboundView, ProxyScope, ServiceView
from lateen.xds.http_proxy import http_proxy_port
from lateen.xds.interception import binds
from lateen.xds.names import HTTP_PROXY, PASSTHROUGH_CLUSTER, domain, outbound_cluster, outbound_route
from lateen.xds.resources import Resources
from lateen.xds.routes.action import timeouts
from lateen.xds.routes.attachment import covers
from lateen.xds.routes.domains import DomainSet, dns_domain, with_port
from lateen.xds.routes.match import EVERYTHING
from lateen.xds.routes.outbound import OutboundHosts
from lateen.xds.routes.rules import BuiltRoute
from lateen.xds.routes.virtual_host import VirtualHost, route_configuration
from lateen.xds.snapshot import Config

_CONNECT: Config = {"connect_matcher": {}}


def outbound_routes(scope: ProxyScope) -> Resources:
    """Route configurations by name: a port (`80`), a sniffed service with its own listener (`host:8080`), and
    `http_proxy` where the proxy has that listener."""
    view = scope.outbound
    if view is None:
        return Resources()
    return Resources.merge(_configurations(scope, view))


def has_own_listener(scope: ProxyScope, service: Service, protocol: Protocol) -> bool:
    """Whether a sniffed port is reached at the service's own address, so that its routes need no host to tell it.

    Without interception listeners bind one shared address, and none is a service's own.
    """
    addressed = any("/" not in address for address in service.addresses)
    return protocol is Protocol.AUTO and not binds(scope.proxy) and (addressed or _is_headless(service))


def _shares_listener(scope: ProxyScope, service: Service, protocol: Protocol) -> bool:
    """Whether a port is reached (also) on the wildcard address, where virtual hosts tell services apart."""
    ranges = any("/" in address for address in service.addresses)
    external = _is_headless(service) and service.registry != "Kubernetes"
    return ranges or external or not has_own_listener(scope, service, protocol)


def _is_headless(service: Service) -> bool:
    return not service.addresses and service.resolution is Resolution.PASSTHROUGH


def _configurations(scope: ProxyScope, view: OutboundView) -> Iterator[Resources]:
    for listener in view.egress:
        if not listener.port:
            continue
        services = [service for service in view.services if imports(listener, service, view.namespace)]
        hosts = OutboundHosts(scope.proxy, services, view.http_routes)
        if listener.protocol is Protocol.HTTP_PROXY:
            yield _proxy_configuration(str(listener.port), scope, view, hosts, services)
        elif listener.protocol.is_http or listener.protocol is Protocol.AUTO:
            yield from _port_configurations(scope, view, hosts, listener.port, listener.protocol)
    own = (v if has_own_ports(view, v) else replace(v, imported=False) for v in view.services)
    hosts = OutboundHosts(scope.proxy, own, view.http_routes)
    for port in hosts.ports():
        yield from _port_configurations(scope, view, hosts, port)
    if http_proxy_port(scope):
        hosts = OutboundHosts(scope.proxy, view.services, view.http_routes)
        yield _proxy_configuration(HTTP_PROXY, scope, view, hosts, view.services)


def _port_configurations(
    scope: ProxyScope, view: OutboundView, hosts: OutboundHosts, port: int, protocol: Protocol | None = None
) -> Iterator[Resources]:
    """The configurations of a port; a Sidecar's egress listener speaks for all services by a `protocol` of its own."""
    found = hosts.of_port(port)
    spoken = {name: protocol or hosts.protocol(name, port) for name in hosts.by_port.get(port, {})}
    services = {name: hosts.by_host[name].service for name in spoken}
    if not spoken or any(_shares_listener(scope, services[name], spoken[name]) for name in spoken):
        yield route_configuration(outbound_route(port), [*found, _last(view)])
    by_name = {host.name: host for host in found}
    for name, service in services.items():
        host = by_name.get(domain(name, port))
        if host and has_own_listener(scope, service, spoken[name]):
            yield route_configuration(outbound_route(port, name), [replace(host, domains=("*",))])


def _proxy_configuration(
    name: str, scope: ProxyScope, view: OutboundView, hosts: OutboundHosts, services: Sequence[ServiceView]
) -> Resources:
    """The routes of an HTTP proxy port, where a client names the service and its port in one absolute URL.

    Every port is one virtual host of its own, so ports take part in matching here and nowhere else. CONNECT opens a
    tunnel to the port it names, which is how clients reach what is not HTTP.
    """
    found = [
        _with_connect(host, port, hosts.by_port[port].get(host.name.rpartition(":")[0]))
        for port in hosts.ports()
        for host in hosts.of_port(port)
    ]
    tunnels = _tunnels(scope, hosts, services)
    refused: BuiltRoute = ({"match": _CONNECT, "direct_response": {"status": 502}}, Origin())
    merged = sorted([*found, *tunnels], key=lambda host: host.name)
    return route_configuration(name, [*_distinct(merged), _last(view, refused)], ignore_port=False)


def _distinct(hosts: Sequence[VirtualHost]) -> Iterator[VirtualHost]:
    """Each domain once: services that share an address and a port have domains in common, which Envoy rejects."""
    taken: set[str] = set()
    for host in hosts:
        fresh = tuple(name for name in host.domains if name.lower() not in taken)
        taken.update(name.lower() for name in fresh)
        if fresh:
            yield host if fresh == host.domains else replace(host, domains=fresh)


def _with_connect(host: VirtualHost, port: int, view: ServiceView | None) -> VirtualHost:
    routes = host.routes
    if view is not None:
        routes = [_tunnel(outbound_cluster(port, view.service.hostname), view), *routes]
    return replace(host, domains=with_port(host.domains, port), routes=routes)


def _tunnels(scope: ProxyScope, hosts: OutboundHosts, services: Sequence[ServiceView]) -> Iterator[VirtualHost]:
    """Virtual hosts for ports that are not HTTP: CONNECT is all that they know."""
    domains: dict[int, DomainSet] = {}
    for view in services:
        for port in view.service.ports if view.imported else ():
            if not port.protocol.is_tcp:
                continue
            free = domains.setdefault(port.number, DomainSet(dns_domain(scope.proxy), hosts.by_host.keys()))
            names = [f"{name}:{port.number}" for name in hosts.domains_of(view, free)]
            if names and view.service.hostname not in hosts.by_port.get(port.number, {}):
                tunnel = _tunnel(outbound_cluster(port.number, view.service.hostname), view)
                name = domain(view.service.hostname, port.number)
                yield VirtualHost(name, tuple(names), [tunnel], view.service.ref.origin)


def _tunnel(cluster: str, view: ServiceView) -> BuiltRoute:
    upgrade = {"upgrade_type": "CONNECT", "connect_config": {}}
    route = {"cluster": cluster, "upgrade_configs": [upgrade]} | timeouts(None)
    return {"match": _CONNECT, "route": route}, view.service.ref.origin


def _last(view: OutboundView, *before: BuiltRoute) -> VirtualHost:
    """The virtual host for what no other matches: let through, or refused with 502."""
    if view.allow_any:
        name = "allow_any"
        action: Config = {"route": {"cluster": PASSTHROUGH_CLUSTER} | timeouts(None)}
    else:
        name, action = "block_all", {"direct_response": {"status": 502}}
    origin = view.sidecar.origin if view.sidecar else Origin()
    route = {"name": name, "match": EVERYTHING} | action
    return VirtualHost(name, ("*",), [*before, (route, origin)], origin)


def has_own_ports(view: OutboundView, service: ServiceView) -> bool:
    """Whether a service has listeners at its own ports; not if the Sidecar lets it in at a port of the Sidecar only."""
    everywhere = (listener for listener in view.egress if not listener.port)
    return not view.egress or any(imports(listener, service, view.namespace) for listener in everywhere)


def imports(listener: EgressListener, view: ServiceView, namespace: str) -> bool:
    """Whether a Sidecar's egress listener lists the service (`~` names nothing)."""
    service = view.service
    return any(
        (ns == "*" or service.namespace == (namespace if ns == "." else ns)) and covers(host, service.hostname)
        for ns, host in listener.hosts
    )
