"""Processes of a run: how they start, end, and cannot outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from lateen.runtime import child as child_module
from lateen.runtime.child import MARK, Child, end_marked, marked
from lateen.runtime.supervision import stop

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def until(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if condition():
            return True
        sleep(0.01)
    return False


def sh(script: str, tmp_path: Path, run: str = "") -> Child:
    return Child(["/bin/sh", "-c", script], tmp_path / "log", environment={**os.environ, MARK: run})


def test_output_goes_to_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    child = sh("echo out; echo err >&2; exit 3", tmp_path)
    assert until(lambda: not child.running)
    assert (tmp_path / "log").read_text() == "before\nout\nerr\n"
    assert child.status == "exit status 3"
    assert child.tail(1) == "err"


def test_a_child_has_its_own_session(tmp_path: Path) -> None:
    child = sh("sleep 60", tmp_path)
    assert os.getsid(child.pid) == child.pid
    stop([child])
    assert child.status == "SIGTERM"


def test_who_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = sh(STUBBORN, tmp_path)
    assert until(lambda: "ready" in child.tail())
    stop([child], grace=0.2)
    assert child.status == "SIGKILL"


def test_processes_that_a_child_left_behind_are_found_by_their_mark(tmp_path: Path) -> None:
    run = f"test-{os.getpid()}"
    child = sh("setsid sleep 60 & exit 0", tmp_path, run)
    assert until(lambda: not child.running)
    assert until(lambda: len(marked(run)) == 1)
    end_marked(run)
    assert marked(run) == []


def test_marked_processes_that_ignore_sigterm_are_killed(tmp_path: Path) -> None:
    run = f"stubborn-{os.getpid()}"
    child = sh(STUBBORN, tmp_path, run)
    assert until(lambda: "ready" in child.tail())
    end_marked(run, grace=0.2)
    assert not child.running


@pytest.mark.parametrize("setpriv", [True, False])
def test_a_child_dies_with_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setpriv: bool) -> None:
    program = f"""
import shutil, sys
from pathlib import Path
from time import sleep
from lateen.runtime import child
if not {setpriv}:
    shutil.which = lambda _name: None
one = child.Child(["/bin/sh", "-c", {STUBBORN!r}], Path({str(tmp_path / "log")!r}))
while "ready" not in one.tail():
    sleep(0.01)
print(one.pid, flush=True)
sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def test_a_child_dies_with_the_thread_that_started_it(tmp_path: Path) -> None:
    children: list[Child] = []

    def start() -> None:
        children.append(sh("echo runs; sleep 60", tmp_path))
        until(lambda: "runs" in children[0].tail())  # before that it has not yet asked for the signal

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert until(lambda: not children[0].running)
    assert children[0].status == "SIGKILL"


def test_a_program_that_cannot_be_executed_is_an_error_without_setpriv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_parent_death", lambda: ([], None))
    with pytest.raises(FileNotFoundError):
        Child(["/no/such/program"], tmp_path / "log")
