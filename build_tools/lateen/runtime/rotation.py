"""Logs that stay small: what the kubelet does with the logs of containers, for files that others write to."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from lateen.runtime.events import Events
from lateen.runtime.state import room

LIMIT = 4 * 1024 * 1024
"""Bytes from which on a log is rotated. The folder of a run may be in memory (`$XDG_RUNTIME_DIR` is), so this is less
than the kubelet's 10 MiB."""

_LOW = 256 * 1024
"""Bytes below which a disk counts as full: Envoy drops lines of its logs that it cannot write, without a word."""

_BEFORE = ".1"

_LOOK = 1.0
"""Seconds between looks."""


class Rotation:
    """Keeps every file of some folders near LIMIT, while the block lasts, and says when their disk is full."""

    def __init__(self, events: Events, *folders: Path) -> None:
        self._events, self._folders = events, folders
        self._full = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK):
            for folder in self._folders:
                with contextlib.suppress(OSError):  # somebody has removed it
                    for path in folder.iterdir():
                        if path.suffix != _BEFORE:
                            rotate(path, LIMIT)
                    self._look_at(folder)

    def _look_at(self, folder: Path) -> None:
        full = room(folder) < _LOW
        if full and not self._full:
            self._events.add({"event": "full", "folder": str(folder.parent)})
        self._full = full


def rotated(log: Path) -> Path:
    """Where what a log held before it was rotated last is."""
    return log.with_name(log.name + _BEFORE)


def rotate(log: Path, limit: int) -> None:
    """Empty a log that is larger than `limit` bytes, and keep what it held as `rotated(log)`.

    Its writers hold it open and append to it, so it is copied and truncated. What they write in the moment between the
    two is lost. So is the copy if there is no room for it: an empty log makes some.
    """
    with contextlib.suppress(OSError):  # it is gone, or somebody else's
        if log.stat().st_size > limit:
            _copy(log, rotated(log))
            os.truncate(log, 0)


def _copy(log: Path, to: Path) -> None:
    try:
        shutil.copyfile(log, to)
    except OSError:
        to.unlink(missing_ok=True)
