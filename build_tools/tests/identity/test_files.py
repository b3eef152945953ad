from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lateen.identity import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_file_has_the_mode_that_was_asked_for_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.write(tmp_path / "new" / "key.pem", b"secret", 0o600)
        files.write(tmp_path / "new" / "envoy.json", b"{}")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new" / "key.pem") == 0o600
    assert mode(tmp_path / "new" / "envoy.json") == 0o644


def test_a_file_is_replaced_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write(path, b"old")
    with path.open("rb") as reader:
        files.write(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the file system
        files.write(tmp_path / "taken", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_private_directory_is_closed_even_if_it_was_open(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    assert mode(files.private_directory(tmp_path / "state")) == 0o700


def test_a_staged_file_takes_its_place_later(tmp_path: Path) -> None:
    part = files.stage(tmp_path / "x" / "a", b"new", 0o600)
    assert part.parent == tmp_path / "x"
    assert not (tmp_path / "x" / "a").exists()
    assert (part.read_bytes(), mode(part)) == (b"new", 0o600)
