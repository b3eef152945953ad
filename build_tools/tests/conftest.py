"""The `golden` fixture: expected output that stands in files and is rewritten by `make golden`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
REWRITE = os.environ.get("LATEEN_GOLDEN") == "write"


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], None]:
    """`golden("xds/two-services/out.listeners.json", text)` fails with a diff when the file says otherwise."""

    def check(name: str, actual: str) -> None:
        path = GOLDEN / name
        if REWRITE:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual)
        expected = path.read_text() if path.exists() else ""
        if actual != expected:
            lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), name, "actual", lineterm="")
            diff = "\n".join(lines)
            pytest.fail(f"{diff}\n\nIf this is what you want: make golden", pytrace=False)

    return check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that compare golden files, so that `make golden` can run just those."""
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")
