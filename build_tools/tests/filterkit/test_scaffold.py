"""`filters new` writes a whole folder or nothing. That it builds and runs is asked in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.cli import main
from lateen.diagnostics import MeshError
from lateen.filterkit.bench import read_plan
from lateen.filterkit.catalog import read_filter
from lateen.filterkit.scaffold import KINDS, scaffold
from lateen.filterkit.scenarios.read import read_scenarios


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_filter_is_described_rightly_and_has_scenarios(kind: str, tmp_path: Path) -> None:
    assert main(["filters", "new", "my_gate", "--kind", kind, "--out", str(tmp_path / "deep")]) == 0
    suite = read_filter(tmp_path / "deep" / "my_gate")
    assert (suite.kind, suite.name) == (kind, "my_gate")
    scenarios, findings = read_scenarios(suite)
    assert (len(scenarios), findings) == (7, [])
    plan, faults = read_plan(suite)
    assert (plan is not None, faults) == (True, [])
    files = [path for path in suite.directory.rglob("*") if path.is_file()]
    assert not [path for path in files if "{{" in path.read_text()]
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"my_gate"}


@pytest.mark.parametrize("name", ["aaa", "lateen_x", "zzz"])
def test_packages_of_the_lock_are_in_cargos_order(name: str) -> None:
    lines = scaffold(name, "wasm")[Path("Cargo.lock")].decode().splitlines()
    names = [line for line in lines if line.startswith("name = ")]
    assert names == sorted(names)
    assert f'name = "{name}"' in names


@pytest.mark.parametrize("name", ["", "Gate", "my-gate", "1st", "a" * 64, "../up", "sdk", "match", "serde"])
def test_a_name_that_no_filter_can_have_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0620."""
    with pytest.raises(MeshError) as raised:
        scaffold(name, "wasm")
    assert [finding.code for finding in raised.value.diagnostics] == ["LAT0620"]
    assert main(["filters", "new", name, "--kind", "wasm"]) == 2
    assert "LAT0620" in capsys.readouterr().err


@pytest.mark.parametrize("taken", ["file", "folder", "link"])
def test_nothing_is_overwritten(taken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0621."""
    place = tmp_path / "gate"
    if taken == "file":
        place.write_text("mine")
    elif taken == "folder":
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        place.symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    assert main(["filters", "new", "gate", "--kind", "lua", "--out", str(tmp_path)]) == 2
    assert f"{place}: LAT0621 error" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    assert main(["filters", "new", "gate", "--kind", "lua", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "gate" / "filter.lua").exists()


def test_verbs_take_the_folder_of_any_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["filters", "new", "gate", "--kind", "lua", "--out", str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    for name in ("gate", "./gate", str(tmp_path / "gate")):
        assert main(["filters", "list", name]) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["gate", "lua", "AUTHZ"]
    monkeypatch.chdir(tmp_path / "gate")
    assert main(["filters", "list", ".", "tenant_context"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["gate", "tenant_context"]


def test_a_folder_without_a_description_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["filters", "list", str(tmp_path)]) == 2
    assert f"{tmp_path}/filter.yaml: No such file" in capsys.readouterr().err
