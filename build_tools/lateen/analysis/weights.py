"""Weights that are no percentages."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import routes
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh

CODES = (codes.WEIGHTS,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each rule with several destinations whose weights do not sum to 100."""
    for route in routes(mesh):
        for rule in route.rules:
            total = sum(item.weight for item in rule.destinations)
            if len(rule.destinations) > 1 and total not in (0, 100):
                yield codes.WEIGHTS.at(route.ref.at(rule.path, "route", key=True), total=total)
