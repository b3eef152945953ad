"""Resources that a namesake for the same workloads shadows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lateen.analysis.lookup import show, title
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.identity import Selector
from lateen.model.mesh import Mesh
from lateen.model.security import PeerAuthentication
from lateen.model.sidecar import Sidecar
from lateen.model.telemetry import Telemetry

CODES = (codes.IGNORED_RESOURCE,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each PeerAuthentication, Sidecar or Telemetry with the namespace and selector of an earlier one."""
    for items in (mesh.peer_authentications, mesh.sidecars, mesh.telemetries):
        yield from _ignored(items)


def _ignored(items: Iterable[PeerAuthentication | Sidecar | Telemetry]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, Selector], PeerAuthentication | Sidecar | Telemetry] = {}
    for item in items:
        winner = first.setdefault((item.ref.namespace, item.selector), item)
        if winner is not item:
            scope = f"workloads {show(item.selector)}" if item.selector else f"namespace {item.ref.namespace}"
            yield codes.IGNORED_RESOURCE.at(
                item.ref.origin,
                related=(winner.ref.origin,),
                kind=item.ref.kind,
                name=title(winner.ref),
                scope=scope,
            )
