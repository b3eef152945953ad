"""Logs that others write to are kept small."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lateen.runtime import rotation
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


def test_the_files_of_a_run_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_LOOK", 0.01)
    monkeypatch.setattr(rotation, "LIMIT", 1000)
    (tmp_path / "logs").mkdir()
    with Rotation(tmp_path / "not-there", tmp_path / "logs"), (tmp_path / "logs" / "web.log").open("ab") as log:
        for number in range(20_000):
            log.write(b"%d\n" % number)
            log.flush()
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "logs").iterdir()}
    assert set(sizes) == {"web.log", "web.log.1"}
    assert sum(sizes.values()) < 108_890  # what was written
