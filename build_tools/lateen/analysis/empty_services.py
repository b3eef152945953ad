"""Services whose selector matches no workload."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import show, workloads_of
from lateen.diagnostics import Diagnostic, Severity
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh

CODES = (codes.SERVICE_SELECTS_NOTHING,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each service that nobody stands behind; for information only where the mesh has no workloads at all."""
    severity = None if mesh.workloads else Severity.INFO
    for service in mesh.services:
        if service.selector is None or workloads_of(mesh, service):
            continue
        if mesh.endpoints.get((service.hostname, service.namespace)):
            continue
        path = "selector" if service.registry == "Kubernetes" else "workloadSelector"
        origin = service.ref.at("spec", path, key=True)
        labels = show(service.selector)
        yield codes.SERVICE_SELECTS_NOTHING.at(origin, severity=severity, namespace=service.namespace, labels=labels)
