"""Which Envoy is used, and what is said when there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lateen.diagnostics import MeshError
from lateen.schema import binary


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "envoy"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho\necho 'x  version: 0a1b/1.39.2-dev/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


def test_a_given_path_wins_over_the_environment(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATEEN_ENVOY", "/no/such/envoy")
    assert binary.find_envoy(fake) == fake


def test_the_environment_wins_over_the_package(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATEEN_ENVOY", str(fake))
    assert binary.find_envoy() == fake


def test_the_package_wins_over_the_path_and_the_path_is_last(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATEEN_ENVOY", raising=False)
    monkeypatch.setenv("PATH", str(fake.parent))
    assert binary.find_envoy() != fake
    monkeypatch.setattr(binary, "_packaged", lambda: None)
    assert binary.find_envoy() == fake


def test_a_named_binary_that_is_not_there_is_never_replaced_by_another() -> None:
    with pytest.raises(MeshError) as error:
        binary.find_envoy("/no/such/envoy")
    (finding,) = error.value.diagnostics
    assert finding.code == "LAT0501"
    assert "/no/such/envoy" in finding.message
    assert "--envoy" in finding.hint


def test_no_envoy_at_all_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LATEEN_ENVOY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binary, "_packaged", lambda: None)
    with pytest.raises(MeshError, match="LAT0501") as error:
        binary.find_envoy()
    assert "lateen[envoy]" in error.value.diagnostics[0].hint


def test_the_version_is_what_the_binary_reports(fake: Path) -> None:
    assert binary.version(fake) == "1.39.2-dev"


def test_a_binary_in_the_place_of_another_is_asked_anew_whatever_its_time(fake: Path) -> None:
    assert binary.version(fake) == "1.39.2-dev"
    other = fake.with_name("other")
    other.write_text(fake.read_text().replace("1.39.2", "1.40.0"))
    other.chmod(0o755)
    time = fake.stat().st_mtime_ns
    os.utime(other, ns=(time, time))
    other.replace(fake)
    assert binary.version(fake) == "1.40.0-dev"


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho 'libx.so: not found' >&2; exit 127\n", "#!/no/sh\n"]
)
def test_a_binary_that_does_not_answer_is_broken(tmp_path: Path, script: str) -> None:
    path = tmp_path / "envoy"
    path.write_text(script)
    path.chmod(0o755)
    with pytest.raises(MeshError, match="LAT0502"):
        binary.version(path)
