"""`lateen explain-code`."""

from __future__ import annotations

import pytest

from lateen.cli import main
from lateen.diagnostics import registry


def test_a_code_is_explained_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain-code", "lat0110"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("LAT0110 error: Unknown field\n")
    assert "Example:\n    spec:" in out
    assert "Instead:\n    spec:" in out


def test_an_unknown_code_is_a_usage_error_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain-code", "LAT01101"]) == 2
    assert 'no code LAT01101; did you mean "LAT01' in capsys.readouterr().err


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain-code"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(registry())
