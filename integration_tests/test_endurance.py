"""The storefront under load, edits and new certificates for a minute, and each of its processes killed in turn.

`make soak` is the same for as long as you like.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from time import sleep

import pytest

from endurance.load import broken
from endurance.samples import DESCRIPTORS, MEMORY, Samples
from endurance.soak import STOREFRONT, soak
from harness import Command, Traffic, client, eventually, find_processes, nothing_left, started
from lateen.runtime.child import Child, marked
from lateen.runtime.events import Events
from lateen.runtime.plan import Settings
from lateen.runtime.state import find_runs
from lateen.runtime.supervision import Supervision
from lateen.runtime.supervisor import Options, Running, start

BYSTANDERS = ("reviews-v1", "ratings-v1")
"""Owners of a caller and what it calls, which are killed last."""


def test_a_minute_of_edits_under_load_fails_no_call_and_leaves_no_trace(state: Path, tmp_path: Path) -> None:
    report = soak(60, tmp_path, Options(base=state))
    assert report.failures == []
    assert report.incidents == []
    assert report.growing == []
    assert report.held, report
    assert min(report.edits.values()) > 0
    assert min(report.calls.values()) > 0


def test_a_process_that_grows_is_seen(base: Path) -> None:
    """What judges the soak finds what it is for."""
    grow = "import time\nkept = []\nwhile True: kept.append((bytearray(1 << 19), open('/dev/null'))); time.sleep(0.05)"
    base.mkdir()
    processes = Supervision(Events())
    for name, script in (("grows", grow), ("level", "import time; time.sleep(60)")):
        processes.add(name, partial(Child, [sys.executable, "-c", script], base / f"{name}.log"))
    samples = Samples(processes, base, seconds=6)
    with samples.taken():
        sleep(6)
    processes.stop()
    growing = {(level.process, level.measure) for level in samples.levels() if not level.flat}
    assert growing == {("grows", MEMORY), ("grows", DESCRIPTORS)}


def test_each_process_is_killed_in_turn_and_comes_back(state: Path) -> None:
    """Whoever does not depend on it does not notice; whoever does works again."""
    with start(Settings(STOREFRONT), Options(base=state)) as running:
        names = [one.name for one in running.processes]
        bystanders = [name for name in names if name.startswith(BYSTANDERS)]
        assert len(bystanders) == 4  # two applications, two Envoys
        with Traffic(lambda: client(running, "reviews-v1"), "http://ratings:9080/ratings") as traffic:
            for name in names:
                if name not in bystanders:
                    killed(running, name)
        assert traffic.failures == []
        assert traffic.requests > 100
        for name in bystanders:
            killed(running, name)
    nothing_left(running)


def killed(running: Running, name: str) -> None:
    """Kill a process, and wait until everything is as it was before."""
    since = len(running.events)
    os.kill(next(one.child.pid for one in running.processes if one.name == name), signal.SIGKILL)
    ended = running.events.wait_for(lambda e: e["event"] == "ended", 10, since)
    assert (ended["process"], ended["status"]) == (name, "SIGKILL")
    running.events.wait_for(lambda e: (e["event"], e.get("process")) == ("restarted", name), 10, since)
    eventually(lambda: not broken(running), 45)
    assert [e["process"] for e in running.events.since(since) if e["event"] == "ended"] == [name]


def test_the_supervisor_is_killed_and_nothing_is_left(base: Path) -> None:
    command = Command(base, "up", str(STOREFRONT))
    run = started(base)
    command.process.kill()
    command.end()
    eventually(lambda: not marked(run.id), 10)
    eventually(lambda: not list(base.iterdir()), 10)


def test_the_guard_is_killed_and_the_supervisor_cleans_up_alone(base: Path) -> None:
    command = Command(base, "up", str(STOREFRONT))
    run = started(base)
    [guard] = find_processes("lateen.runtime.guard", run.id)
    os.kill(guard, signal.SIGKILL)
    command.process.send_signal(signal.SIGINT)
    code, _, errors = command.end()
    assert (code, "Traceback" in errors) == (0, False)
    assert marked(run.id) == []
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 3.0])
def test_a_supervisor_that_is_killed_while_it_starts_leaves_nothing_that_runs(base: Path, seconds: float) -> None:
    command = Command(base, "up", str(STOREFRONT))
    sleep(seconds)
    command.process.kill()
    command.end()
    runs = find_runs(base)
    eventually(lambda: not [process for run in runs for process in marked(run.id)], 10)
    assert Command(base, "down").end()[0] == 0
    assert find_runs(base) == ()
