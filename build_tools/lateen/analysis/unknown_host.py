"""Routes to hosts and ports that do not exist."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import Target, services_at, targets
from lateen.api.nearest import suggestion
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh
from lateen.model.routing import MESH_GATEWAY

CODES = (codes.UNKNOWN_HOST, codes.UNKNOWN_PORT, codes.PORT_REQUIRED)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each destination whose host or port no visible service has, or whose port cannot be told."""
    for target in targets(mesh):
        host, namespace = target.destination.host, target.route.ref.namespace
        services = services_at(mesh, host, namespace)
        if not services:
            yield codes.UNKNOWN_HOST.at(target.at("host"), hint=_nearest(mesh, host), host=host, namespace=namespace)
        else:
            yield from _port(target, {p.number for service in services for p in service.ports})


def _port(target: Target, ports: set[int]) -> Iterator[Diagnostic]:
    host, port = target.destination.host, target.destination.port
    known = ", ".join(map(str, sorted(ports)))
    if port and port not in ports:
        hint = f"its ports are {known}" if ports else ""
        yield codes.UNKNOWN_PORT.at(target.at("port", "number"), hint=hint, host=host, port=port)
    elif not port and len(ports) > 1 and set(target.route.gateways) != {MESH_GATEWAY}:
        yield codes.PORT_REQUIRED.at(target.at("host"), host=host, ports=known)


def _nearest(mesh: Mesh, host: str) -> str:
    """Services of that short name elsewhere, which is the most frequent mistake, else one that is spelled alike."""
    short = host.split(".", 1)[0]
    found = sorted({s.hostname for s in mesh.services if s.hostname.split(".", 1)[0] == short})
    if found:
        return f"did you mean {found[0]}?"
    alike = suggestion(host, sorted(s.hostname for s in mesh.services))
    return alike or "declare it by a Service, or by a ServiceEntry if it is outside of the mesh"
