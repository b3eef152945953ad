"""Resources whose selector matches no workload."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import selected, show
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.identity import Ref, Selector
from lateen.model.mesh import Mesh

CODES = (codes.SELECTS_NOTHING,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each policy, rule, extension or Sidecar that is for workloads which do not exist."""
    for ref, selector, path in _selectors(mesh):
        if selector and not selected(mesh, selector, ref.namespace):
            origin = ref.at("spec", path, key=True)
            yield codes.SELECTS_NOTHING.at(origin, namespace=ref.namespace, labels=show(selector))


def _selectors(mesh: Mesh) -> Iterator[tuple[Ref, Selector, str]]:
    by_selector = (mesh.authorization_policies, mesh.peer_authentications, mesh.telemetries, mesh.extensions)
    for items in by_selector:
        yield from ((item.ref, item.selector, "selector") for item in items)
    for named in (mesh.destination_rules, mesh.sidecars):
        yield from ((item.ref, item.selector, "workloadSelector") for item in named)
