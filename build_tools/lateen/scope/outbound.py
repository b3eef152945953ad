"""What the applications behind a sidecar can call."""

from __future__ import annotations

from collections.abc import Iterable

from lateen.model.context import visible
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.model.routing import MESH_GATEWAY, HttpRoute, TcpRoute
from lateen.model.service import Service
from lateen.model.sidecar import Sidecar
from lateen.scope.destination_rules import rule_for
from lateen.scope.peer_authentication import served_endpoints
from lateen.scope.routes import bound_routes
from lateen.scope.sidecars import effective_sidecar, imported_services, imports_route
from lateen.scope.views import OutboundView, ServiceView


def outbound_view(mesh: Mesh, proxy: Proxy) -> OutboundView:
    """The view of a sidecar; one object for all proxies that see the same."""
    sidecar = effective_sidecar(mesh, proxy.namespace, proxy.labels)
    labels = client_labels(mesh, proxy)
    key = ("outbound", proxy.namespace, sidecar.ref if sidecar else None, tuple(sorted(labels.items())))
    if key not in mesh.derived:
        mesh.derived[key] = _build(mesh, proxy.namespace, sidecar, labels)
    view: OutboundView = mesh.derived[key]
    return view


def client_labels(mesh: Mesh, proxy: Proxy) -> dict[str, str]:
    """The labels of the proxy on which routes and rules of this mesh depend; all others must not split views."""
    key = ("client_label_keys",)
    if key not in mesh.derived:
        http = [m.source_labels for route in mesh.http_routes for rule in route.rules for m in rule.matches]
        tcp = [m.source_labels for route in mesh.tcp_routes for rule in route.rules for m in rule.matches]
        rules = [rule.selector.labels for rule in mesh.destination_rules]
        mesh.derived[key] = {name for pairs in (*http, *tcp, *rules) for name, _ in pairs}
    names: set[str] = mesh.derived[key]
    return {name: proxy.labels[name] for name in names if name in proxy.labels}


def _build(mesh: Mesh, namespace: str, sidecar: Sidecar | None, labels: dict[str, str]) -> OutboundView:
    available = [service for service in mesh.services if visible(service.export_to, namespace)]
    http = bound_routes(mesh.http_routes, MESH_GATEWAY, namespace, labels)
    tcp = bound_routes(mesh.tcp_routes, MESH_GATEWAY, namespace, labels)
    services = one_per_host(available)
    reachable: tuple[Service, ...] = ()
    egress = sidecar.egress if sidecar else ()
    if egress:
        services = one_per_host(imported_services(egress, available, namespace), namespace)
        http = tuple(route for route in http if imports_route(egress, route, namespace))
        tcp = tuple(route for route in tcp if imports_route(egress, route, namespace))
        reachable = _destinations(available, services, (*http, *tcp), namespace)
    mode = (sidecar.outbound_mode if sidecar else "") or mesh.config.outbound_mode
    return OutboundView(
        namespace=namespace,
        services=(
            *(service_view(mesh, service, namespace, labels) for service in services),
            *(service_view(mesh, service, namespace, labels, imported=False) for service in reachable),
        ),
        http_routes=http,
        tcp_routes=tcp,
        allow_any=mode != "REGISTRY_ONLY",
        egress=egress,
        sidecar=sidecar.ref if sidecar else None,
    )


def service_view(
    mesh: Mesh, service: Service, namespace: str, labels: dict[str, str], *, imported: bool = True
) -> ServiceView:
    """A service as clients with these labels in `namespace` see it; one object for all who see the same."""
    rule = rule_for(mesh, service, namespace, labels)
    key = ("service", service.hostname, service.namespace, service.ports, id(rule), imported)
    if key not in mesh.derived:
        endpoints = served_endpoints(mesh).get((service.hostname, service.namespace), ())
        ports = {port.number for port in service.ports}
        mine = tuple(endpoint for endpoint in endpoints if endpoint.service_port in ports)
        mesh.derived[key] = ServiceView(service, rule, mine, imported)
    view: ServiceView = mesh.derived[key]
    return view


def one_per_host(services: Iterable[Service], preferred_namespace: str = "") -> tuple[Service, ...]:
    """Each host once: the preferred namespace's, else a Kubernetes service, else the oldest (Istio's SidecarScope)."""
    chosen: dict[str, Service] = {}
    for service in services:
        first = chosen.setdefault(service.hostname, service)
        if first is service or first.namespace == preferred_namespace:
            continue
        squatted = first.registry != "Kubernetes" and service.registry == "Kubernetes"
        if service.namespace == preferred_namespace or squatted:
            chosen[service.hostname] = service
    return tuple(chosen.values())


def _destinations(
    available: Iterable[Service],
    services: tuple[Service, ...],
    routes: tuple[HttpRoute | TcpRoute, ...],
    namespace: str,
) -> tuple[Service, ...]:
    """The services that routes lead to although the Sidecar does not let them in: they get clusters, no listeners."""
    hosts = {host for route in routes for host in destination_hosts(route)}
    known = {service.hostname for service in services}
    return one_per_host((s for s in available if s.hostname in hosts - known), namespace)


def destination_hosts(route: HttpRoute | TcpRoute) -> set[str]:
    """Every host that a route sends or mirrors requests to."""
    hosts = {target.destination.host for rule in route.rules for target in rule.destinations}
    if isinstance(route, HttpRoute):
        hosts |= {mirror.destination.host for rule in route.rules for mirror in rule.mirrors}
    return hosts
