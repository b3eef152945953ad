"""Ending runs from outside: those that are alive by their supervisor, those that crashed by their marks."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from lateen.diagnostics import MeshError
from lateen.runtime.child import end_marked
from lateen.runtime.state import Run, clear, find_runs

_PATIENCE = 15.0
"""Seconds that a supervisor gets to end its run: its processes have 5 each for SIGTERM and SIGKILL."""

_GRACE = 1.0
"""Seconds that what a crashed run left gets for SIGTERM."""


def reclaim(base: Path | None = None, only: str = "") -> None:
    """Remove what runs (or the one with the id `only`) without a supervisor left: processes, containers and files.

    A run whose container engine does not answer is left for another time.
    """
    for run in find_runs(base):
        if not run.alive and only in ("", run.id):
            with contextlib.suppress(MeshError):
                _remove(run)


def end_runs(base: Path | None = None, directory: Path | None = None) -> Iterator[Run]:
    """End every run, or those of one folder, and remove what is left of them; gives each one when it has ended.

    Raises MeshError if the container engine that a run used does not answer, or refuses.
    """
    for run in find_runs(base):
        if directory is not None and run.directory != directory:
            continue
        if run.alive and run.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGTERM)
            if not _ended(run, base):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(run.pid, signal.SIGKILL)
                _ended(run, base)
        _remove(run)
        yield run


def _ended(run: Run, base: Path | None) -> bool:
    """Wait until the run has no supervisor any more."""
    deadline = monotonic() + _PATIENCE
    while monotonic() < deadline:
        if not any(other.id == run.id and other.alive for other in find_runs(base)):
            return True
        sleep(0.05)
    return False


def end_orphans() -> Iterator[str]:
    """Remove what the container engine of this user still has of runs whose folder is gone; gives their ids.

    Nothing happens where there is no engine.
    """
    from lateen.runtime.docker.engine import connect  # noqa: PLC0415 - what it needs is an extra
    from lateen.runtime.docker.leftovers import orphans, remove_run  # noqa: PLC0415

    try:
        client = connect()
    except MeshError:
        return
    with contextlib.closing(client):
        for run in sorted(orphans(client)):
            remove_run(client, run)
            yield run


def _remove(run: Run) -> None:
    end_marked(run.id, _GRACE)
    if run.files.engine.exists():
        from lateen.runtime.docker.engine import connect  # noqa: PLC0415 - what it needs is an extra
        from lateen.runtime.docker.leftovers import remove_run  # noqa: PLC0415

        with contextlib.closing(connect(run.files.engine.read_text())) as client:
            remove_run(client, run.id)
    clear(run.files.root)
