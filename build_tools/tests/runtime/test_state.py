"""Run directories: private, locked, found by others."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from lateen.runtime import leftovers
from lateen.runtime.state import MARKER, ROOM, RunDirectory, RunFiles, default_base, find_runs


def test_a_run_directory_is_for_its_user_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "base")
    assert stat.S_IMODE(run.files.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.files.root.parent.stat().st_mode) == 0o700
    run.remove()


def test_a_base_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="holds keys"):
        RunDirectory(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_alive_while_its_lock_is_held(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.describe(tmp_path / "mesh", {"web-0.default": "127.1.0.1"})
    [found] = find_runs(tmp_path)
    assert (found.id, found.alive, found.pid) == (run.id, True, os.getpid())
    assert (found.directory, found.addresses) == (tmp_path / "mesh", {"web-0.default": "127.1.0.1"})
    run.remove()
    assert find_runs(tmp_path) == ()


def test_removal_can_keep_logs_and_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.files.log("web").write_text("why\n")
    run.files.plan.write_text("{}")
    run.remove(keep_logs=True)
    assert sorted(path.name for path in run.files.root.iterdir()) == [MARKER, "logs"]
    assert run.files.log("web").read_text() == "why\n"
    [found] = find_runs(tmp_path)
    assert not found.alive


def test_leftovers_are_reclaimed_and_live_runs_are_not(tmp_path: Path) -> None:
    dead, live = RunDirectory(tmp_path), RunDirectory(tmp_path)
    dead.remove(keep_logs=True)
    leftovers.reclaim(tmp_path)
    assert [run.id for run in find_runs(tmp_path)] == [live.id]
    live.remove()


def test_a_disk_with_too_little_room_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    for total, free, codes in ((10**9, ROOM, []), (10**9, ROOM - 1, ["LAT0738"]), (0, 0, [])):
        disk = usage._replace(total=total, free=free)  # a file system without a limit says 0 of 0
        monkeypatch.setattr(shutil, "disk_usage", lambda _, disk=disk: disk)
        assert [finding.code for finding in RunFiles(tmp_path).check_room()] == codes


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "0123abcd" / "logs").mkdir(parents=True)
    (tmp_path / "photographs").mkdir()
    (tmp_path / "letter").write_text("dear")
    before = sorted(tmp_path.rglob("*"))
    assert find_runs(tmp_path) == ()
    leftovers.reclaim(tmp_path)
    assert list(leftovers.end_runs(tmp_path)) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(OSError, match="No space left"):
        RunDirectory(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_base_means_no_runs(tmp_path: Path) -> None:
    assert find_runs(tmp_path / "none") == ()


def test_the_base_follows_the_users_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_base() == tmp_path / "lateen"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_base().name == f"lateen-{os.getuid()}"


def test_a_path_too_long_for_a_socket_is_a_finding() -> None:
    assert list(RunFiles(Path("/run/user/1000/lateen/0123abcd")).check()) == []
    [finding] = RunFiles(Path("/" + "x" * 100)).check()
    assert finding.code == "LAT0713"
    assert "--state-dir" in finding.hint
