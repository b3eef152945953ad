"""`lateen analyze`: findings on standard output, and the exit code that they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lateen.cli import main

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{name: http, port: 80}]}\n"
ROUTE = (
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\nspec:\n  hosts: [web]\n"
    "  http: [{route: [{destination: {host: web}}], %s}]\n"
)
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n"


def write(folder: Path, *texts: str) -> str:
    (folder / "a.yaml").write_text("---\n".join(texts))
    return str(folder)


def test_a_faultless_mesh_exits_0_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, SERVICE, ROUTE % "timeout: 5s")
    assert main(["analyze", folder]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{folder}: no findings\n")


def test_an_unknown_field_exits_1_with_place_excerpt_and_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", write(tmp_path, SERVICE, ROUTE % "timeOut: 5s")]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/a.yaml:11:48: LAT0110 error: unknown field spec.http[0].timeOut\n" in out
    assert 'hint: did you mean "timeout"?' in out


@pytest.mark.parametrize(
    ("options", "code"), [([], 1), (["--no-strict"], 0), (["--no-strict", "--failure-threshold", "warning"], 1)]
)
def test_strictness_and_threshold_decide_the_exit_code_in_every_format(
    tmp_path: Path, options: list[str], code: int
) -> None:
    folder = write(tmp_path, SERVICE, ROUTE % "timeOut: 5s")
    for style in ("text", "json", "yaml", "github"):
        assert main(["analyze", folder, "-o", style, *options]) == code


def test_json_is_on_standard_output_and_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["analyze", write(tmp_path, SERVICE, SERVICE, JOB), "-o", "json"])
    codes = [finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]]
    assert codes == ["LAT0107", "LAT0228"]


def test_broken_documents_hide_nothing_of_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", write(tmp_path, "a: [\n", ROUTE % "timeOut: 5s", SERVICE)]) == 1
    out = capsys.readouterr().out
    assert "LAT0003" in out
    assert "LAT0110" in out


@pytest.mark.parametrize("content", ["", "# nothing\n"])
def test_an_empty_file_is_a_finding(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(content)
    assert main(["analyze", str(tmp_path / "a.yaml")]) == 1
    assert "LAT0001" in capsys.readouterr().out


def test_a_file_that_does_not_exist_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(tmp_path / "absent")]) == 2
    assert "LAT0010" in capsys.readouterr().err


def test_files_and_folders_are_named_as_for_kubectl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "web.yaml").write_text(SERVICE)
    (tmp_path / "route.yaml").write_text(ROUTE % "timeout: 5s")
    assert main(["analyze", str(tmp_path / "route.yaml"), "-f", str(tmp_path / "deep" / "er")]) == 0
    assert main(["analyze", "-R", "-f", str(tmp_path)]) == 0
    assert "no findings" in capsys.readouterr().err
    assert main(["analyze", str(tmp_path)]) == 1, "without -R the service is missing"
