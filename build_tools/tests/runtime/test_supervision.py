"""Keeping processes alive, and the log of events."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

from lateen.runtime.child import Child, session
from lateen.runtime.events import KEPT, Event, Events
from lateen.runtime.supervision import Supervision


@pytest.fixture
def supervision() -> Iterator[Supervision]:
    """Processes that come back soon."""
    processes = Supervision(Events(), first_delay=0.1)
    yield processes
    processes.stop()


def spawn(tmp_path: Path, script: str, *, pipe: bool = False) -> Child:
    return Child(["/bin/sh", "-c", script], tmp_path / "log", environment=dict(os.environ), pipe=pipe)


def test_a_process_that_ends_is_reported_and_started_again(tmp_path: Path, supervision: Supervision) -> None:
    process = supervision.add("web", lambda: spawn(tmp_path, "sleep 60"))
    supervision.watch()
    first = process.child
    os.kill(first.pid, 9)
    ended = supervision.events.wait_for(lambda e: e["event"] == "ended", 5)
    assert (ended["process"], ended["status"], ended["log"]) == ("web", "SIGKILL", str(tmp_path / "log"))
    supervision.events.wait_for(lambda e: e["event"] == "restarted", 5)
    assert process.child is not first
    assert process.child.running
    supervision.stop()
    assert not process.child.running


def test_restarts_back_off(tmp_path: Path, supervision: Supervision) -> None:
    start = monotonic()
    supervision.add("web", lambda: spawn(tmp_path, "exit 1"))
    supervision.watch()
    restarts: list[Event] = []
    for _ in range(2):
        since = len(supervision.events)
        restarts.append(supervision.events.wait_for(lambda e: e["event"] == "restarted", 5, since))
    assert monotonic() - start >= 0.1 + 0.2


def test_reports_of_a_restarted_process_are_read_too(tmp_path: Path, supervision: Supervision) -> None:
    script = """echo '{"event": "serving"}'; sleep 60"""
    process = supervision.add("control-plane", lambda: spawn(tmp_path, script, pipe=True), reports=True)
    supervision.watch()
    supervision.events.wait_for(lambda e: e["event"] == "serving", 5)
    since = len(supervision.events)
    os.kill(process.child.pid, 9)
    supervision.events.wait_for(lambda e: e["event"] == "serving", 5, since)


def test_what_a_crashed_process_left_ends_before_it_is_started_again(tmp_path: Path, supervision: Supervision) -> None:
    process = supervision.add("web", lambda: spawn(tmp_path, "sleep 60 & sleep 60"))
    supervision.watch()
    first = process.child
    os.kill(first.pid, 9)
    supervision.events.wait_for(lambda e: e["event"] == "restarted", 5)
    assert session(first.pid) == []


def test_stop_before_watch_ends_everything(tmp_path: Path) -> None:
    processes = Supervision(Events())
    process = processes.add("web", lambda: spawn(tmp_path, "sleep 60"))
    processes.stop()
    assert not process.child.running


def test_events_are_waited_for_and_notified() -> None:
    heard: list[Event] = []
    events = Events(heard.append)
    threading.Timer(0.05, events.add, [{"event": "compiled", "generation": 3, "changed": 1}]).start()
    assert events.wait_for(lambda e: e["event"] == "compiled", 5)["generation"] == 3
    assert len(events) == 1
    assert heard == events.since()
    with pytest.raises(TimeoutError):
        events.wait_for(lambda e: e["event"] == "acked", 0.01)


def test_old_events_are_forgotten_and_positions_stay() -> None:
    events = Events()
    for number in range(KEPT + 5):
        events.add({"event": "acked", "generation": number})
    assert len(events) == KEPT + 5
    assert [event["generation"] for event in events.since(KEPT + 3)] == [KEPT + 3, KEPT + 4]
    assert len(events.since()) == KEPT
    assert events.wait_for(lambda e: True, 0.01, KEPT + 4)["generation"] == KEPT + 4


def test_half_a_line_of_a_killed_process_is_no_event(tmp_path: Path, supervision: Supervision) -> None:
    script = """printf '{"event": "serving"}\\n{"event": "comp'"""
    supervision.add("control-plane", lambda: spawn(tmp_path, script, pipe=True), reports=True)
    supervision.watch()
    for _ in range(2):
        since = len(supervision.events)
        supervision.events.wait_for(lambda e: e["event"] == "restarted", 5, since)
    assert {event["event"] for event in supervision.events.since()} == {"serving", "ended", "restarted"}


def test_what_cannot_be_started_again_is_tried_later_each_time(tmp_path: Path, supervision: Supervision) -> None:
    refused = 0

    def start() -> Child:
        nonlocal refused
        if process and refused < 2:
            refused += 1
            raise OSError(28, "No space left on device")
        return spawn(tmp_path, "sleep 60")

    process: list[object] = []
    process.append(supervision.add("web", start))
    supervision.watch()
    began = monotonic()
    os.kill(next(iter(supervision)).child.pid, 9)
    supervision.events.wait_for(lambda e: e["event"] == "restarted", 5)
    assert monotonic() - began >= 0.1 + 0.2 + 0.4
    told = [event["status"] for event in supervision.events.since() if event["event"] == "ended"]
    assert told == ["SIGKILL", *2 * ["cannot be started: No space left on device"]]


def test_when_one_of_several_cannot_be_started_no_more_are_and_those_that_run_are_known(
    tmp_path: Path, supervision: Supervision
) -> None:
    """Whoever gives up a start must find everything that was started, and nothing may follow."""
    failed = threading.Event()
    later: list[str] = []

    def fail() -> Child:
        failed.set()
        raise OSError(0, "no image", "web")

    def good() -> Child:
        failed.wait(5)
        return spawn(tmp_path, "sleep 60")

    def late(name: str) -> Child:
        later.append(name)
        sleep(0.1)
        return spawn(tmp_path, "sleep 60")

    spawns = [("good", good), ("bad", fail), *((f"late-{n}", partial(late, f"late-{n}")) for n in range(20))]
    with pytest.raises(OSError, match="no image"):
        supervision.add_all(spawns, 2)
    assert {one.name for one in supervision} == {"good", *later}
    assert len(later) < 20


def test_a_start_that_is_interrupted_leaves_nothing_to_start(
    tmp_path: Path, supervision: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C while the first of them starts: what is on its way is waited for, the rest is not begun."""
    begun: list[int] = []

    def slow(number: int) -> Child:
        begun.append(number)
        sleep(0.2)
        return spawn(tmp_path, "exit 0")

    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lateen.runtime.supervision.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        supervision.add_all([(str(number), partial(slow, number)) for number in range(10)], 2)
    after = len(begun)
    sleep(0.3)
    assert len(begun) == after < 10
