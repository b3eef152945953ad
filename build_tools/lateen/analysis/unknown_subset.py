"""Routes to subsets that no DestinationRule has."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import rules_at, targets
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh

CODES = (codes.UNKNOWN_SUBSET,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each destination that names a subset which does not exist."""
    for target in targets(mesh):
        destination = target.destination
        if not destination.subset:
            continue
        known = sorted({s.name for rule in rules_at(mesh, destination.host) for s in rule.subsets})
        if destination.subset not in known:
            hint = f"its subsets are {', '.join(known)}" if known else "no DestinationRule gives this host subsets"
            origin = target.at("subset")
            yield codes.UNKNOWN_SUBSET.at(origin, hint=hint, host=destination.host, subset=destination.subset)
