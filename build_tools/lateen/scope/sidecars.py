"""The Sidecar that a workload has, and what it lets in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lateen.model.mesh import Mesh
from lateen.model.routing import HttpRoute, TcpRoute
from lateen.model.service import Protocol, Service
from lateen.model.sidecar import EgressListener, Sidecar
from lateen.scope.hosts import imports


def effective_sidecar(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
    """The Sidecar of a workload: one that selects it, else its namespace's, else the root namespace's, else None."""
    own = [sidecar for sidecar in mesh.sidecars if sidecar.ref.namespace == namespace]
    root = [s for s in mesh.sidecars if s.ref.namespace == mesh.config.root_namespace and not s.selector]
    selected = [s for s in own if s.selector and s.selector.selects(dict(labels))]
    return next(iter([*selected, *(s for s in own if not s.selector), *root]), None)


def imported_services(
    listeners: Iterable[EgressListener], services: Iterable[Service], namespace: str
) -> tuple[Service, ...]:
    """The services that some listener lets in; one with a port lets in that port alone, an HTTP proxy's lets in all."""
    listeners = tuple(listeners)
    result = []
    for service in services:
        ports: set[int] = set()
        for listener in listeners:
            if imports(listener.hosts, namespace, service.namespace, service.hostname):
                proxied = listener.protocol is Protocol.HTTP_PROXY
                ports |= {p.number for p in service.ports if proxied or listener.port in (0, p.number)}
        if ports == {port.number for port in service.ports} and ports:
            result.append(service)
        elif ports:
            result.append(replace(service, ports=tuple(p for p in service.ports if p.number in ports)))
    return tuple(result)


def imports_route(listeners: Iterable[EgressListener], route: HttpRoute | TcpRoute, namespace: str) -> bool:
    """Whether some listener lets in some host of the route."""
    return any(
        imports(listener.hosts, namespace, route.ref.namespace, host) for listener in listeners for host in route.hosts
    )
