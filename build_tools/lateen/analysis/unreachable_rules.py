"""HTTP rules behind one that takes every request."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh
from lateen.model.routing import HttpMatch, HttpRule, StringMatch

CODES = (codes.UNREACHABLE_RULE,)

_EVERYTHING = (
    HttpMatch(),
    HttpMatch(uri=StringMatch("prefix", "/")),
    HttpMatch(uri=StringMatch("regex", "*")),
    HttpMatch(uri=StringMatch("regex", ".*")),
)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each rule that comes after one without conditions."""
    for route in mesh.http_routes:
        first: HttpRule | None = None
        for rule in route.rules:
            if first is not None and rule.path != first.path:
                related = (route.ref.at(first.path),)
                yield codes.UNREACHABLE_RULE.at(route.ref.at(rule.path), related=related, first=related[0])
            elif first is None and _takes_everything(rule):
                first = rule


def _takes_everything(rule: HttpRule) -> bool:
    return not rule.matches or any(match in _EVERYTHING for match in rule.matches)
