from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lateen.deliver.protocol import EXTENSION, ROUTE, Rejection
from lateen.deliver.verdicts import Verdicts
from lateen.identity import files

BAD = Rejection(EXTENSION, "note", "abc", "no such module")


def test_a_verdict_is_found_by_the_next_server(tmp_path: Path) -> None:
    Verdicts(tmp_path / "v.json").keep("web", {(EXTENSION, "note"): BAD})
    found = Verdicts(tmp_path / "v.json")
    assert found.of("web") == {(EXTENSION, "note"): BAD}
    assert found.of("other") == {}
    assert stat.S_IMODE((tmp_path / "v.json").stat().st_mode) == 0o600


def test_a_verdict_that_envoy_repeats_truthfully_is_not_kept(tmp_path: Path) -> None:
    Verdicts(tmp_path / "v.json").keep("web", {(ROUTE, "r"): Rejection(ROUTE, "r", "1", "no")})
    assert not (tmp_path / "v.json").exists()


def test_a_lifted_verdict_is_gone(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path / "v.json")
    verdicts.keep("web", {(EXTENSION, "note"): BAD})
    verdicts.keep("web", {})
    assert Verdicts(tmp_path / "v.json").of("web") == {}


@pytest.mark.parametrize("content", ["", "{", "\xff"])
def test_a_damaged_file_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "v.json").write_bytes(content.encode("latin-1"))
    assert Verdicts(tmp_path / "v.json").of("web") == {}


def test_a_verdict_that_no_file_can_take_is_kept_by_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    verdicts = Verdicts(tmp_path / "v.json")
    verdicts.keep("web", {(EXTENSION, "note"): BAD})
    assert verdicts.of("web") == {(EXTENSION, "note"): BAD}
