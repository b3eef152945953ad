"""What is generated is in step with what it is generated from."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

GEN = Path(__file__).resolve().parents[1] / "scripts" / "gen.py"


@pytest.fixture(scope="module")
def gen() -> dict[str, Any]:
    """The names of the script."""
    return runpy.run_path(str(GEN))


def test_no_generated_file_is_stale_and_no_page_is_left_over(gen: dict[str, Any]) -> None:
    """The input schema aside, which needs the published definitions."""
    assert gen["differences"](gen["wanted"](Path("/nonexistent"))) == ([], []), "make gen"


def test_stale_missing_and_left_over_pages_are_told_apart(gen: dict[str, Any], tmp_path: Path) -> None:
    kept, old, missing, gone = (tmp_path / f"{name}.md" for name in ("kept", "old", "missing", "gone"))
    for path in (kept, old, gone):
        path.write_text(path.stem)
    wanted = {kept: b"kept", old: b"new", missing: b"missing"}
    assert gen["differences"](wanted, [tmp_path]) == ([old, missing], [gone])
