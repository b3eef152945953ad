"""What rules ask of a mesh: which services and workloads there are under a name or behind labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lateen.diagnostics import Origin
from lateen.model.context import visible
from lateen.model.hosts import is_wildcard, matches
from lateen.model.identity import Ref, Selector
from lateen.model.mesh import Mesh
from lateen.model.routing import Destination, HttpRoute, TcpRoute
from lateen.model.service import Service
from lateen.model.traffic_policy import DestinationRule
from lateen.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Target:
    """A destination that a route names, with the route and the place where it stands in the file."""

    route: HttpRoute | TcpRoute
    destination: Destination
    path: str

    def at(self, *path: str) -> Origin:
        """The place of a field of the destination."""
        return self.route.ref.at(self.path, *path)


def routes(mesh: Mesh) -> tuple[HttpRoute | TcpRoute, ...]:
    """Every route of the mesh."""
    return (*mesh.http_routes, *mesh.tcp_routes)


def targets(mesh: Mesh) -> Iterator[Target]:
    """Every destination of every route, mirrors included."""
    for route in routes(mesh):
        for rule in route.rules:
            for index, item in enumerate(rule.destinations):
                yield Target(route, item.destination, f"{rule.path}.route[{index}].destination")
    for http in mesh.http_routes:
        for http_rule in http.rules:
            for index, mirror in enumerate(http_rule.mirrors):
                single = "mirror" if len(http_rule.mirrors) == 1 else f"mirrors[{index}].destination"
                yield Target(http, mirror.destination, f"{http_rule.path}.{single}")


def services_at(mesh: Mesh, host: str, namespace: str) -> list[Service]:
    """The services that a client in `namespace` reaches under `host`; wildcard services count for names they cover."""
    return [
        service
        for service in mesh.services
        if visible(service.export_to, namespace)
        and (service.hostname == host or (is_wildcard(service.hostname) and matches(service.hostname, host)))
    ]


def rules_at(mesh: Mesh, host: str) -> list[DestinationRule]:
    """The DestinationRules whose host covers `host`."""
    return [rule for rule in mesh.destination_rules if matches(rule.host, host)]


def workloads_of(mesh: Mesh, service: Service) -> list[Workload]:
    """The workloads that a service selects, placed or not."""
    selector = service.selector
    if selector is None:
        return []
    return [w for w in mesh.workloads if w.namespace == service.namespace and selector.selects(w.labels)]


def selected(mesh: Mesh, selector: Selector, namespace: str) -> list[Workload]:
    """The workloads that a selector picks in a namespace; in the root namespace those of the whole mesh."""
    everywhere = namespace == mesh.config.root_namespace
    return [w for w in mesh.workloads if (everywhere or w.namespace == namespace) and selector.selects(w.labels)]


def show(selector: Selector) -> str:
    """A selector as people write it: `app=web, version=v1`."""
    return ", ".join(f"{key}={value}" for key, value in selector.labels)


def title(ref: Ref) -> str:
    """`namespace/name` of a resource."""
    return f"{ref.namespace}/{ref.name}"
