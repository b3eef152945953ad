"""The command line's own behaviour: help without cost, exit codes, errors in one line."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable

import pytest

from lateen.cli import COMMANDS, main
from lateen.cli.boundary import run_command
from lateen.cli.output import report
from lateen.diagnostics import Code, MeshError, Origin, Severity

FAULT = Code("LAT9999", Severity.ERROR, "a fault", "something is {what}", "it matters")
ARGS = argparse.Namespace(output="text", failure_threshold="error")


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(_args: argparse.Namespace) -> int:
        raise error

    return run


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: lateen {command}" in capsys.readouterr().out


def test_help_imports_no_stage() -> None:
    code = "import sys, lateen.cli; lateen.cli.main([]); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"yaml", "google", "grpc", "rich", "requests", "envoy_data_plane", "lateen.model", "lateen.xds"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("arguments", [["nonsense"], ["version", "--nonsense"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


def test_nothing_asked_shows_help_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: lateen" in capsys.readouterr().out


def test_a_mesh_error_prints_findings_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    error = MeshError((FAULT.at(Origin("mesh.yaml", 3, 5), what="wrong"),))
    assert run_command(raising(error), ARGS) == 1
    assert "mesh.yaml:3:5: LAT9999 error: something is wrong" in capsys.readouterr().err


def test_an_error_that_lies_in_no_file_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    error = MeshError((FAULT.at(Origin(), what="missing"),))
    assert run_command(raising(error), ARGS) == 2
    assert "lateen: LAT9999 error: something is missing" in capsys.readouterr().err


def test_an_io_error_is_one_line_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raising(PermissionError(13, "Permission denied", "secret.yaml")), ARGS) == 2
    assert capsys.readouterr().err == "lateen: secret.yaml: Permission denied\n"


def test_an_internal_error_exits_with_2_not_1() -> None:
    assert run_command(raising(ZeroDivisionError()), ARGS) == 2


@pytest.mark.parametrize(
    ("severity", "threshold", "code"),
    [("error", "error", 1), ("warning", "error", 0), ("warning", "warning", 1), ("info", "warning", 0)],
)
@pytest.mark.parametrize("output", ["text", "json", "yaml", "github"])
def test_the_exit_code_depends_on_the_threshold_and_never_on_the_format(
    severity: str, threshold: str, code: int, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = FAULT.at(Origin("a.yaml", 1, 1), what="wrong", severity=Severity[severity.upper()])
    assert report([finding], argparse.Namespace(output=output, failure_threshold=threshold)) == code
    assert "LAT9999" in capsys.readouterr().err
