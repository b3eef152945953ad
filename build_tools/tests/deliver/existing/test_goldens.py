"""Whole configurations of the kinds that people run, patched; the Envoy of this machine accepts what comes of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.schema.binary import find_envoy

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "golden" / "patch").glob("*/in.args"))
ELSEWHERE = {"edge-tls", "extension-config", "file-xds", "jwt", "unknown-extension"}
"""Cases with files or extensions that this machine does not have."""

NOT_PATCHED = {"args", "tenants.yaml", "peer.yaml"}


def arguments(case: Path) -> list[str]:
    """The command line of a case; it is run in its folder."""
    files = [path.name for path in sorted(case.glob("in.*")) if path.name.removeprefix("in.") not in NOT_PATCHED]
    return ["patch", *files, *(case / "in.args").read_text().split("\n")[:-1]]


@pytest.mark.golden
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_configuration_is_patched_and_a_second_time_left_alone(
    case: Path,
    golden: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(case)
    out = tmp_path / "out"
    out.mkdir()
    assert main([*arguments(case), "--out", str(out)]) == 0
    golden(f"patch/{case.name}/out.findings.txt", capsys.readouterr().err)
    written = sorted(out.glob("in.*"))
    for path in written:
        golden(f"patch/{case.name}/{path.name.replace('in.', 'out.', 1)}", path.read_text())
    again = ["patch", *map(str, written), *arguments(case)[1 + len(written) :]]
    assert main([*again, "--check", "--diff"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in ELSEWHERE], ids=lambda case: case.name)
def test_envoy_itself_reads_the_files_before_and_after(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are: by Envoy's own reader of YAML, with all that is in them."""
    monkeypatch.chdir(case)
    out = tmp_path / "envoy.yaml"
    assert main([*arguments(case), "--modules", "inline", "--out", str(out)]) == 0
    for path in (case / "in.envoy.yaml", out):
        argv = [find_envoy(), "--mode", "validate", "--log-level", "critical", "-c", path]
        argv += ["--service-node", "golden", "--service-cluster", "golden"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
