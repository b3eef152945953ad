"""One process of a run: started so that it cannot outlive the run, stopped with a deadline."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import IO

MARK = "LATEEN_RUN"
"""The environment variable with the run's id that every process of a run inherits, grandchildren too."""

_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 16_384


class Child:
    """A started process. Its output goes to the end of `log`; with `pipe`, its standard output to `stdout` instead.

    It has a session of its own, which keeps the terminal's Ctrl-C from it, and the kernel ends it with SIGKILL when
    the *thread* that called this constructor ends, however that comes about: call it from one that lasts.
    """

    def __init__(
        self,
        argv: Iterable[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        pipe: bool = False,
    ) -> None:
        """Start the process. Raises OSError if the program cannot be executed."""
        prefix, before = _parent_death()
        self.log = log
        self.argv = tuple(argv)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*prefix, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else output,
                stderr=output,
                env=environment,
                cwd=directory,
                start_new_session=True,
                preexec_fn=before,  # noqa: PLW1509 - only where util-linux is missing; touches nothing of Python's
            )

    @property
    def pid(self) -> int:
        """The process id, which is that of its session too."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """The read end of its standard output; only for a child with a pipe."""
        if self._process.stdout is None:
            raise ValueError("this child was started without a pipe")
        return self._process.stdout

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with exit status 0."""
        return self._process.poll() == 0

    @property
    def status(self) -> str:
        """How it ended, in words: `exit status 1`, `SIGKILL`, or `running`."""
        code = self._process.poll()
        if code is None:
            return "running"
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group, unless it has ended (its number may be somebody else's by then)."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)

    def sweep(self) -> None:
        """Kill what a process that has ended left of its session, and wait (a second at most) until it is gone."""
        deadline = monotonic() + 1
        while (left := session(self.pid)) and monotonic() < deadline:
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            sleep(0.01)


def run_to_end(command: tuple[str, ...], environment: Mapping[str, str], directory: Path, timeout: float) -> str:
    """Run a command for `timeout` seconds at most; empty if it exits with 0, else how it ended and what it said."""
    with tempfile.TemporaryFile() as output:  # not memory: a command may print as long as it runs
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=directory,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"{command[0]} has not ended after {timeout:g} s"
        if code == 0:
            return ""
        output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL_BYTES))
        said = output.read().decode(errors="replace").strip().rpartition("\n")[2]
    return f"{command[0]} ended with {code}{f': {said}' if said else ''}"


def session(leader: int) -> list[int]:
    """The processes of a session, those aside that have ended and wait for their parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z" and int(fields[3]) == leader:
                    found.append(int(entry.name))
    return found


def marked(run: str) -> list[int]:
    """Process ids that carry the mark of a run, this process aside."""
    wanted = f"{MARK}={run}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or belongs to somebody else
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_marked(run: str, grace: float = 5.0) -> None:
    """End every process that carries the mark of a run, wherever it went: SIGTERM, then SIGKILL."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        deadline = monotonic() + patience
        for process in (left := marked(run)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        while left and monotonic() < deadline:
            sleep(0.02)
            left = marked(run)
        if not left:
            return


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a file, without empty ones."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


@cache
def _parent_death() -> tuple[list[str], Callable[[], None] | None]:
    """How a child asks for a signal at its parent's death: a command before its own, or a call before exec."""
    if setpriv := shutil.which("setpriv"):
        return [setpriv, "--pdeathsig", "KILL", "--"], None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return [], ask
