"""The registry: every code is complete, documented and tested."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lateen.diagnostics import Code, Origin, find, registry
from lateen.diagnostics.codes import api, source

ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.parametrize("stage", [source, api], ids=["source", "api"])
def test_every_code_of_the_stage_has_a_test(stage: object) -> None:
    folder = Path(__file__).resolve().parents[1]
    tests = "".join(path.read_text() for name in ("source", "api") for path in (folder / name).glob("test_*.py"))
    codes = [value for value in vars(stage).values() if isinstance(value, Code)]
    assert codes
    assert [code.code for code in codes if code.code not in tests] == []


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "build_tools/scripts/gen_diagnostics_docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_in_step_with_the_registry(generator: ModuleType) -> None:
    assert generator.stale() == [], "run build_tools/scripts/gen_diagnostics_docs.py"


def test_stale_and_surplus_pages_are_seen_and_removed(generator: ModuleType, tmp_path: Path) -> None:
    generator.write(tmp_path)
    assert generator.stale(tmp_path) == []
    (tmp_path / "LAT0110.md").write_text("old")
    (tmp_path / "LAT9999.md").write_text("gone")
    assert generator.stale(tmp_path) == ["LAT0110.md", "LAT9999.md"]
    generator.write(tmp_path)
    assert generator.stale(tmp_path) == []
