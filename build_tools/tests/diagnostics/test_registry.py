"""The registry: every code is complete, documented and tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lateen.diagnostics import Code, Origin, find, registry
from lateen.diagnostics.codes import api, source, usage


@pytest.mark.parametrize("code", registry().values(), ids=lambda code: code.code)
def test_a_code_says_what_why_and_how_to_mend_it(code: Code) -> None:
    assert re.fullmatch(r"LAT\d{4}", code.code)
    for text in (code.title, code.message, code.why, code.fix):
        assert text.strip()
    assert code.istio == "" or re.fullmatch(r"IST\d{4}", code.istio)


def test_a_code_is_found_in_any_case() -> None:
    assert find("lat0110") is api.UNKNOWN_FIELD
    assert find("LAT9999") is None


def test_a_message_takes_exactly_its_fields() -> None:
    assert api.UNKNOWN_FIELD.at(Origin(), field="x").message == "unknown field x"
    with pytest.raises(TypeError, match="field"):
        api.UNKNOWN_FIELD.at(Origin(), name="x")


@pytest.mark.parametrize("stage", [source, api, usage], ids=["source", "api", "usage"])
def test_every_code_of_the_stage_has_a_test(stage: object) -> None:
    folder = Path(__file__).resolve().parents[1]
    tests = "".join(path.read_text() for name in ("source", "api", "cli") for path in (folder / name).glob("test_*.py"))
    codes = [value for value in vars(stage).values() if isinstance(value, Code)]
    assert codes
    assert [code.code for code in codes if code.code not in tests] == []
