"""Nothing of a run outlives its supervisor, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from lateen.runtime.child import marked
from lateen.runtime.leftovers import end_runs
from lateen.runtime.state import find_runs

SUPERVISOR = """
import os, signal, sys
from time import sleep
from pathlib import Path
from lateen.runtime.child import MARK, Child, end_marked
from lateen.runtime.events import Events
from lateen.runtime.guard import Guard
from lateen.runtime.state import RunDirectory
from lateen.runtime.supervision import Supervision

stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
run = RunDirectory(Path(sys.argv[1]))
with Guard(run.files.root):
    processes = Supervision(Events())
    environment = {**os.environ, MARK: run.id}
    script = "setsid sleep 60 & sleep 60"
    processes.add("app", lambda: Child(["/bin/sh", "-c", script], run.files.log("app"), environment=environment))
    processes.watch()
    run.describe(Path(sys.argv[2]), {})
    print(run.id, flush=True)
    while not stopping or sys.argv[3] == "stubborn":
        sleep(0.02)
    processes.stop()
    end_marked(run.id)
    run.remove()
"""


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if condition():
            return True
        sleep(0.02)
    return False


@contextmanager
def supervisor(
    base: Path, directory: str = "/mesh", manner: str = "obedient"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A supervisor with an application that has a child in a session of its own."""
    argv = [sys.executable, "-c", SUPERVISOR, str(base), directory, manner]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        assert until(lambda: len(marked(run)) >= 2)
        try:
            yield process, run
        finally:
            process.kill()


def test_a_killed_supervisor_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (process, run):
        process.send_signal(signal.SIGKILL)
        assert until(lambda: not marked(run))
        assert until(lambda: not list(tmp_path.iterdir()))


def test_down_ends_what_runs(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (process, run):
        [ended] = end_runs(tmp_path)
        assert (ended.id, ended.alive, ended.directory) == (run, True, Path("/mesh"))
        assert (marked(run), find_runs(tmp_path)) == ([], ())
        assert process.wait(5) == 0


def test_down_can_end_the_runs_of_one_folder_only(tmp_path: Path) -> None:
    with supervisor(tmp_path, "/one") as (_, one), supervisor(tmp_path, "/two") as (_, two):
        assert [run.id for run in end_runs(tmp_path, Path("/two"))] == [two]
        assert [run.id for run in find_runs(tmp_path)] == [one]


def test_down_kills_a_supervisor_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lateen.runtime.leftovers._PATIENCE", 0.3)
    with supervisor(tmp_path, manner="stubborn") as (process, run):
        assert [ended.id for ended in end_runs(tmp_path)] == [run]
        assert process.wait(5) == -signal.SIGKILL
        assert until(lambda: not marked(run))
        assert until(lambda: not list(tmp_path.iterdir()))
