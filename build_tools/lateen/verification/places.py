"""From a place in a compiled configuration to the place in the user's YAML that it was made from."""

from __future__ import annotations

from lateen.diagnostics import Diagnostic, Origin
from lateen.schema.path import ancestors
from lateen.verification.problem import Problem
from lateen.xds.snapshot import Snapshot

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
        self._bootstrap = f"the bootstrap of {snapshot.proxy.name}.{snapshot.proxy.namespace}"

    def diagnostic(self, attribute: str, name: str, problem: Problem) -> Diagnostic:
        """The problem as a finding at the deepest place that is known of its path."""
        resource = f"{_NOUNS[attribute]} {name}" if attribute in _NOUNS else self._bootstrap
        args = {"resource": resource, "path": problem.path or "it"} | problem.args
        used = {field: args[field] for field in problem.code.fields}
        return problem.code.at(self.origin(attribute, name, problem.path), hint=problem.code.fix, **used)

    def origin(self, attribute: str, name: str, path: str = "") -> Origin:
        """The origin of the longest path above `path` that has one, else the first place of this proxy.

        An empty origin if nothing of it comes from a file.
        """
        for shorter in ancestors(path):
            if origin := self._origins.get((attribute, name, shorter)):
                return origin
        return next(iter(self._origins.values()), Origin())
