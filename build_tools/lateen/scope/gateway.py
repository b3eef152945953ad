"""What a router serves."""

from __future__ import annotations

from lateen.model.context import visible
from lateen.model.gateway import Gateway
from lateen.model.gateway_ports import merge_servers
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.inbound import service_targets
from lateen.scope.outbound import client_labels, one_per_host, service_view
from lateen.scope.routes import bound_routes
from lateen.scope.views import GatewayPort, GatewayServer, GatewayView

KEEP_PORTS = "experimental.istio.io/disable-gateway-port-translation"
"""Label of a Service in front of a router: its servers listen on the ports that they name."""


def gateway_view(mesh: Mesh, proxy: Proxy) -> GatewayView:
    """The view of a router: its ports, the routes of its gateways, and every service that its namespace sees."""
    mine = selected_gateways(mesh, proxy)
    groups, _ = merge_servers(mine, lambda port: listening_port(mesh, proxy, port))
    keys = list(dict.fromkeys(placed.gateway.key for group in groups for placed in group))
    labels = client_labels(mesh, proxy)
    http = {key: bound_routes(mesh.http_routes, key, proxy.namespace, proxy.labels) for key in keys}
    tcp = {key: bound_routes(mesh.tcp_routes, key, proxy.namespace, proxy.labels) for key in keys}
    services = one_per_host(service for service in mesh.services if visible(service.export_to, proxy.namespace))
    return GatewayView(
        namespace=proxy.namespace,
        ports=tuple(
            GatewayPort(
                port=group[0].port,
                server_port=group[0].server.port,
                bind=group[0].server.bind,
                servers=tuple(GatewayServer(p.gateway.ref, p.gateway.key, p.server) for p in group),
            )
            for group in groups
        ),
        http_routes=tuple((key, routes) for key, routes in http.items() if routes),
        tcp_routes=tuple((key, routes) for key, routes in tcp.items() if routes),
        services=tuple(service_view(mesh, service, proxy.namespace, labels) for service in services),
    )


def selected_gateways(mesh: Mesh, proxy: Proxy) -> list[Gateway]:
    """The gateways of a router, in every namespace; one without selector is for all routers."""
    labels = dict(proxy.labels)
    return [gateway for gateway in mesh.gateways if gateway.selector.selects(labels)]


def listening_port(mesh: Mesh, proxy: Proxy, port: int) -> int:
    """The port that a router listens on for a server's port: the target port of the first Service in front of it.

    Without such a Service, or with the label that switches translation off, it is the server's own port.
    """
    for service, service_port, target in service_targets(mesh, proxy):
        if service_port.number == port and KEEP_PORTS not in service.labels:
            return target
    return port
