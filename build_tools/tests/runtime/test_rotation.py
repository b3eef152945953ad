"""Logs that others write to are kept small."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import monotonic, sleep

import pytest

from lateen.runtime import rotation
from lateen.runtime.events import Events, findings_of
from lateen.runtime.rotation import Rotation, rotate, rotated


def test_a_large_log_is_emptied_and_what_it_held_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"first\n" * 10)
        rotate(log, 50)
        writer.write(b"second\n")
    assert log.read_bytes() == b"second\n"
    assert rotated(log).read_bytes() == b"first\n" * 10


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * 50)
    rotate(log, 50)
    assert log.stat().st_size == 50
    assert not rotated(log).exists()
    rotate(tmp_path / "gone.log", 50)


def test_a_log_for_whose_copy_there_is_no_room_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * 51)
    rotate(log, 50)
    assert log.stat().st_size == 0
    assert not rotated(log).exists()


def test_logs_are_rotated_as_long_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_LOOK", 0.01)
    monkeypatch.setattr(rotation, "LIMIT", 1000)
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "web.log"
    with Rotation(Events(), tmp_path / "not-there", path.parent), path.open("ab", buffering=0) as log:
        for number in (b"1", b"2", b"3"):
            log.write(number * 1500)
            deadline = monotonic() + 5
            while path.stat().st_size:
                assert monotonic() < deadline
                sleep(0.01)
            assert rotated(path).read_bytes() == number * 1500
    assert sorted(path.parent.iterdir()) == [path, rotated(path)]


def test_a_full_disk_is_told_once_until_there_is_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, asked = [10**9, 0, 0, 10**9, 0], []

    def room(folder: Path) -> float:
        asked.append(folder)
        return left[min(len(asked), len(left)) - 1]

    monkeypatch.setattr(rotation, "_LOOK", 0.01)
    monkeypatch.setattr(rotation, "room", room)
    events = Events()
    (tmp_path / "logs").mkdir()
    with Rotation(events, tmp_path / "logs"):
        deadline = monotonic() + 5
        while len(asked) <= len(left):
            assert monotonic() < deadline
            sleep(0.01)
    told = [finding for event in events.since() for finding in findings_of(event)]
    assert [(finding.code, str(tmp_path) in finding.message) for finding in told] == 2 * [("LAT0740", True)]
