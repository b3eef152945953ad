"""Whether a lock is up to date, without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.extensions import NOT_CACHED
from lateen.diagnostics.codes.fetch import OUT_OF_DATE
from lateen.model.mesh import Mesh
from lateen.modules import Lock
from lateen.modules.module import shown


def stale(mesh: Mesh, lock: Lock, path: Path) -> Iterator[Diagnostic]:
    """What the lock at `path` lacks of the mesh, and what it has that the mesh does not name.

    What the cache of this machine holds is no matter of the lock; nor is what a tag stands for by now.
    """
    for extension in mesh.extensions:
        found = extension.unavailable
        if found and found.code != NOT_CACHED.code:
            yield found
    named = {extension.url for extension in mesh.extensions}
    for url in sorted(lock.entries.keys() - named):
        reason = f"no extension names {shown(url)} any more"
        yield OUT_OF_DATE.at(Origin(str(path)), reason=reason, hint=OUT_OF_DATE.fix)
