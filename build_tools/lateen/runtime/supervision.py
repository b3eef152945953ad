"""Keeping processes alive: what ends is started again, later each time."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Protocol

from lateen.runtime.events import Events

FIRST_DELAY, LONGEST_DELAY, STEADY = 0.5, 10.0, 30.0
"""Seconds before the first restart, before any later one at most, and of running after which it is first again."""

_LOOK = 0.05
_PARALLEL = 8


class Process(Protocol):
    """What is supervised: a process of this machine, or a container."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def stdout(self) -> IO[bytes]:
        """The read end of its standard output, where it was asked for."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with exit status 0."""

    @property
    def status(self) -> str:
        """How it ended, in words, or `running`."""

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""

    def sweep(self) -> None:
        """Remove what it left."""


@dataclass(slots=True)
class Supervised:
    """A process with the way to start it again. `reports`: its standard output is a stream of JSON events."""

    name: str
    spawn: Callable[[], Process]
    child: Process
    reports: bool = False
    first_delay: float = FIRST_DELAY
    _started: float = field(default_factory=monotonic)
    _delay: float = 0.0
    _due: float | None = None

    def ended(self) -> bool:
        """Whether it has ended since the last look; sets the time of its restart."""
        if self.child.running or self._due is not None:
            return False
        if not self._delay or monotonic() - self._started > STEADY:
            self._delay = self.first_delay
        self._put_off()
        return True

    def restart_if_due(self) -> bool:
        """Start it again if the time has come. Raises OSError if it cannot be; the next attempt comes later."""
        if self._due is None or monotonic() < self._due:
            return False
        self.child.sweep()
        try:
            self.child = self.spawn()
        except OSError:
            self._put_off()
            raise
        self._started, self._due = monotonic(), None
        return True

    def _put_off(self) -> None:
        self._due = monotonic() + self._delay
        self._delay = min(2 * self._delay, LONGEST_DELAY)


def stop(processes: Iterable[Process], grace: float = 5.0) -> None:
    """End processes: SIGTERM to all, and SIGKILL to those that are there after `grace` seconds."""
    left = list(processes)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for number in (signal.SIGTERM, signal.SIGKILL):
            list(pool.map(lambda process, n=number: process.signal(n), left))
            deadline = monotonic() + grace
            while any(process.running for process in left) and monotonic() < deadline:
                sleep(0.01)
        list(pool.map(lambda process: process.sweep(), left))


class Supervision:
    """The processes of a run. Those added are started at once, by the calling thread; `watch` keeps them alive."""

    def __init__(self, events: Events, first_delay: float = FIRST_DELAY) -> None:
        self.events, self.first_delay = events, first_delay
        self._supervised: list[Supervised] = []
        self._once: list[Process] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Supervised]:
        return iter(self._supervised)

    def add(self, name: str, spawn: Callable[[], Process], *, reports: bool = False) -> Supervised:
        """Start a process. Raises OSError if it cannot be."""
        process = Supervised(name, spawn, spawn(), reports, self.first_delay)
        self._supervised.append(process)
        if reports:
            self._read(process.child)
        return process

    def add_all(self, spawns: Sequence[tuple[str, Callable[[], Process]]], parallel: int) -> list[Supervised]:
        """Start several, some at a time on threads of their own. Raises OSError if one cannot be; others may run."""
        pool = ThreadPoolExecutor(parallel)
        try:
            children = [pool.submit(spawn) for _, spawn in spawns]
            wait(children, return_when=FIRST_EXCEPTION)
        finally:  # after Ctrl-C too nothing is started behind the back of whoever removes what was
            pool.shutdown(cancel_futures=True)
        added = [
            Supervised(name, spawn, child.result(), first_delay=self.first_delay)
            for (name, spawn), child in zip(spawns, children, strict=True)
            if not child.cancelled() and child.exception() is None
        ]
        self._supervised += added
        for child in children:
            if not child.cancelled():
                child.result()
        return added

    def run(self, spawn: Callable[[], Process]) -> Process:
        """Start a process that ends by itself, or with the others. Raises OSError if it cannot be."""
        child = spawn()
        self._once.append(child)
        return child

    def watch(self) -> None:
        """From now on report processes that end and start them again, on a thread that lasts as long as they may."""
        self._thread = threading.Thread(target=self._watch, name="supervision", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all processes; returns when none is left."""
        self._stop.set()
        if self._thread is None:
            self._end()
        else:
            self._thread.join()  # it ends them itself, for those that it started die with it

    def _watch(self) -> None:
        try:
            while not self._stop.wait(_LOOK):
                for process in self._supervised:
                    self._look_at(process)
        finally:
            self._end()

    def _end(self) -> None:
        stop([*(process.child for process in self._supervised), *self._once])

    def _look_at(self, process: Supervised) -> None:
        if process.ended():
            child = process.child
            self.events.add({"event": "ended", "process": process.name, "status": child.status, "log": str(child.log)})
            return
        try:
            if not process.restart_if_due():
                return
        except OSError as error:
            status = f"cannot be started: {error.strerror}"
            log = str(process.child.log)
            self.events.add({"event": "ended", "process": process.name, "status": status, "log": log})
            return
        self.events.add({"event": "restarted", "process": process.name})
        if process.reports:
            self._read(process.child)

    def _read(self, child: Process) -> None:
        threading.Thread(target=_forward, args=(child, self.events), name="events", daemon=True).start()


def _forward(child: Process, events: Events) -> None:
    """Add what a child reports to the events, until it closes its output; one that is killed may leave half a line."""
    with child.stdout as lines:
        for line in lines:
            if line.endswith(b"\n"):
                events.add(json.loads(line))
