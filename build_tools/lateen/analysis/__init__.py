"""Rules across resources: read-only looks at a mesh that report what is valid and still cannot work."""

from __future__ import annotations

from lateen.diagnostics import Diagnostic
from lateen.model.mesh import Mesh


def analyze(mesh: Mesh) -> list[Diagnostic]:
    """Everything that is known to be wrong with a mesh: the findings of its loading and those of every rule.

    Sorted by file, line and column; each finding once.
    """
    from lateen.analysis.rules import RULES  # noqa: PLC0415

    found = [*mesh.diagnostics, *(finding for rule in RULES for finding in rule.find(mesh))]
    return sorted(dict.fromkeys(found), key=lambda d: (d.origin, d.code, d.message))


def analyze_unredirected(mesh: Mesh) -> list[Diagnostic]:
    """As `analyze`, for a run whose applications are not intercepted.

    TCP services may share a port there, because each has a listener of its own.
    """
    from lateen.diagnostics.codes.analyze import SHARED_TCP_PORT  # noqa: PLC0415

    return [finding for finding in analyze(mesh) if finding.code != SHARED_TCP_PORT.code]
