"""From a place in a compiled configuration to the place in the user's YAML that it was made from."""

from __future__ import annotations

import re

from lateen.diagnostics import Diagnostic, Origin
from lateen.schema.path import ancestors
from lateen.verify.problem import Problem
from lateen.xds.snapshot import TYPES, Snapshot

_NOUNS = {
    "listeners": "listener",
    "routes": "route configuration",
    "clusters": "cluster",
    "endpoints": "endpoints",
    "secrets": "secret",
    "extensions": "extension",
}


class Places:
    """The origins of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._origins = snapshot.origins
        self._names = sorted(
            {(name, attribute) for attribute in TYPES for name in getattr(snapshot, attribute) if name},
            key=lambda pair: (-len(pair[0]), pair),
        )

    def diagnostic(self, attribute: str, name: str, problem: Problem) -> Diagnostic:
        """The problem as a finding at the deepest place that is known of its path."""
        resource = f"{_NOUNS[attribute]} {name}" if attribute in _NOUNS else attribute
        args = {"resource": resource, "path": problem.path or "it"} | problem.args
        used = {field: args[field] for field in problem.code.fields}
        return problem.code.at(self.origin(attribute, name, problem.path), hint=problem.code.fix, **used)

    def origin(self, attribute: str, name: str, path: str = "") -> Origin:
        """The origin of the longest path above `path` that has one, else of anything of this proxy."""
        for shorter in ancestors(path):
            if origin := self._origins.get((attribute, name, shorter)):
                return origin
        return self.any()

    def any(self) -> Origin:
        """The first place that this proxy has; an empty one if nothing of it comes from a file."""
        return next(iter(self._origins.values()), Origin())

    def named_in(self, text: str) -> Origin | None:
        """The origin of the resource whose name stands in the text; the longest name wins."""
        for name, attribute in self._names:
            origin = self._origins.get((attribute, name, ""))
            if origin and re.search(rf"(?<![\w|./-]){re.escape(name)}(?![\w|/-]|\.\w)", text):
                return origin
        return None
