"""Routes and the gateways that they name."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import routes
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import analyze as codes
from lateen.model.gateway import Gateway
from lateen.model.hosts import overlap
from lateen.model.mesh import Mesh
from lateen.model.routing import MESH_GATEWAY, HttpRoute, TcpRoute

CODES = (codes.UNKNOWN_GATEWAY, codes.ROUTE_WITHOUT_SERVER)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each gateway that a route names and that does not exist, and each host that its gateway does not serve."""
    gateways = {gateway.key: gateway for gateway in mesh.gateways}
    for route in routes(mesh):
        for index, key in enumerate(route.gateways):
            if key == MESH_GATEWAY:
                continue
            if key in gateways:
                yield from _unserved(route, gateways[key])
            else:
                yield codes.UNKNOWN_GATEWAY.at(route.ref.at("spec.gateways", index), gateway=key)
        for key, origin in _of_matches(route):
            if key not in gateways:
                yield codes.UNKNOWN_GATEWAY.at(origin, gateway=key)


def _of_matches(route: HttpRoute | TcpRoute) -> Iterator[tuple[str, Origin]]:
    """The gateways that single matches name, with their places."""
    http = [(r.path, m.gateways) for r in route.rules for m in r.matches] if isinstance(route, HttpRoute) else []
    tcp = [(r.path, m.gateways) for r in route.rules for m in r.matches] if isinstance(route, TcpRoute) else []
    for path, keys in http + tcp:
        for key in keys:
            if key != MESH_GATEWAY:
                yield key, route.ref.at(path, "match")


def _unserved(route: HttpRoute | TcpRoute, gateway: Gateway) -> Iterator[Diagnostic]:
    namespace = route.ref.namespace
    served = [host for server in gateway.servers for owner, host in server.hosts if owner in ("*", namespace)]
    for index, host in enumerate(route.hosts):
        if not any(overlap(pattern, host) for pattern in served):
            origin = route.ref.at("spec.hosts", index)
            yield codes.ROUTE_WITHOUT_SERVER.at(origin, gateway=gateway.key, host=host)
