"""What processes use, over time, and whether it stays level."""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docker.errors import NotFound

from lateen.runtime.child import Child
from lateen.runtime.docker.container import Container
from lateen.runtime.docker.engine import connect
from lateen.runtime.supervision import Supervision

_SAMPLES = 400
"""How many samples of each process are kept at most, for the samples are in one of the processes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is counted, and how far it may grow: by `part` of what it was, or by `least` if that is more."""

    name: str
    unit: str
    part: float
    least: float

    def allowed(self, before: float) -> float:
        """How far it may grow from `before`."""
        return max(self.part * before, self.least)


MEMORY = Measure("memory", "KiB", 0.05, 4 * 1024)
"""Anonymous resident memory: what a process made, without pages of files, which come and go with the page cache.

The allowance is noise: TCMalloc returns memory in spans and lazily, V8 and Python collect when they like.
"""

DESCRIPTORS = Measure("descriptors", "", 0.0, 16)
"""Open files. A connection or two more or less is chance: the pools of many threads of load end there."""

THREADS = Measure("threads", "", 0.0, 1)

MEASURES = (MEMORY, DESCRIPTORS, THREADS)


@dataclass(frozen=True, slots=True)
class Level:
    """The least of the second quarter of a run and that of its last.

    What is lost for good raises the least as much as the rest; what comes and goes, such as listeners that drain, does
    not.
    """

    process: str
    measure: Measure
    before: float
    after: float

    @property
    def flat(self) -> bool:
        """Whether it grew by no more than is allowed."""
        return self.after - self.before <= self.measure.allowed(self.before)

    def __str__(self) -> str:
        return f"{self.process}: {self.measure.name} {self.before:.0f} -> {self.after:.0f} {self.measure.unit}".rstrip()


class Samples:
    """Samples of every process of a run, of this one, which supervises it, and of what its folder holds, at most."""

    def __init__(self, processes: Supervision, folder: Path, seconds: float) -> None:
        self._processes, self._folder = processes, folder
        self._interval = max(0.5, seconds / _SAMPLES)
        self._values: dict[tuple[str, Measure], array[float]] = {}
        self._pids: dict[str, int] = {}
        self.largest = 0
        self._stop = threading.Event()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take samples while the block lasts."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def levels(self) -> list[Level]:
        """Each process and measure; the first quarter is warming up, the third keeps the two apart."""
        found = []
        for (process, measure), values in self._values.items():
            quarter = len(values) // 4
            if quarter:
                before, after = min(values[quarter : 2 * quarter]), min(values[-quarter:])
                found.append(Level(process, measure, before, after))
        return found

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.largest = max(self.largest, _size(self._folder))
            self._take("supervisor", os.getpid())
            for one in self._processes:
                self._take(one.name, self._pid(one.child))

    def _take(self, process: str, pid: int) -> None:
        with suppress(OSError):  # it ended, and is started again
            for measure, value in zip(MEASURES, _usage(pid), strict=True):
                self._values.setdefault((process, measure), array("d")).append(value)

    def _pid(self, process: Child | Container) -> int:
        """The number of a process on this machine, of a container that of its first; 0 if there is none any more."""
        if not isinstance(process, Container):
            return process.pid
        if process.id not in self._pids:
            with closing(connect()) as engine, suppress(NotFound):
                self._pids[process.id] = int(engine.api.inspect_container(process.id)["State"]["Pid"])
        return self._pids.get(process.id, 0)


def _usage(pid: int) -> tuple[float, float, float]:
    """Memory, descriptors and threads of a process. Raises OSError if there is none."""
    process = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
    memory = int(status.get("RssAnon", "0 kB").split()[0])
    return memory, len(os.listdir(process / "fd")), int(status["Threads"])  # noqa: PTH208 - names will do


def _size(folder: Path) -> int:
    """Bytes of all files below."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
