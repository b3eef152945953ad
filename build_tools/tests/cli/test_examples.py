"""DIR is a path or the name of an example, in every command that takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.cli import main
from lateen.cli.examples import examples, mesh_path

COMMANDS = ("analyze", "compile", "proxies", "up", "verify")


def test_the_examples_of_the_wheel_are_there() -> None:
    assert {"hello", "storefront"} <= set(examples())


def test_a_name_is_the_example_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["proxies", "hello", "-o", "json"]) == 0
    assert "greeter-v2-0.default" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hello", "./hello", "hello/"])
def test_a_path_that_exists_is_meant_first(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").mkdir()
    assert Path(mesh_path(name)).resolve() == tmp_path / "hello"


def test_standard_input_is_no_name() -> None:
    assert mesh_path("-") == "-"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("given", "hint"),
    [("storfront", 'did you mean "storefront"?'), ("zz/zz", "the examples are "), ("", "the examples are ")],
)
def test_neither_path_nor_example(command: str, given: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0010."""
    assert main([command, given]) == 2
    said = "".join(capsys.readouterr())
    assert said.startswith(f"lateen: LAT0010 error: there is no file, folder or example {given!r}\n  hint: {hint}")
