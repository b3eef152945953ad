"""Documentation that is not true does not pass: code blocks run, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lateen.api.shape import Shape
from lateen.api.traffic_test import TRAFFIC_TEST
from lateen.cli import COMMANDS
from lateen.runtime.traffic.cases import load_tests
from lateen.source.document import Source

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    p
    for pattern in ("*.md", "docs/**/*.md", "envoy_configs/**/*.md", "filters/*/*.md")
    for p in ROOT.glob(pattern)
    if "target" not in p.parts
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
INLINE = re.compile(r"`((?:lateen|make) [^`]+)`")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/api.md", ROOT / "docs/plugins.md"], ids=page_id)
def test_python_blocks_run_as_one_session(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session = "\n".join(blocks(page, "python"))
    assert session
    exec(compile(session, page_id(page), "exec"), {"__name__": "docs"})  # noqa: S102


def test_the_page_on_traffic_tests_has_every_field_and_an_example_without_fault() -> None:
    page = ROOT / "docs/traffic-tests.md"
    [example] = blocks(page, "yaml")
    tests, findings = load_tests(Source(example, page_id(page)))
    assert (len(tests), findings) == (1, ())
    tables = page.read_text().replace(example, "")
    assert [name for name in fields(TRAFFIC_TEST.fields["spec"]) if f"`{name}`" not in tables] == []


def fields(shape: Shape) -> set[str]:
    """The names of all fields below a shape."""
    inner = (*shape.fields.values(), *([shape.items] if shape.items else []))
    return {*shape.fields, *(name for each in inner for name in fields(each))} - {"calls", "metrics"}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_to_files(page: Path) -> None:
    targets = [t for t in LINK.findall(page.read_text()) if "://" not in t and not t.startswith("mailto:")]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_exist(page: Path) -> None:
    """Each `lateen` or `make` command names a command or target; folders among its arguments exist."""
    text = page.read_text()
    lines = [line for body in blocks(page, "sh") for line in body.splitlines()] + INLINE.findall(text)
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words or words[0] not in ("lateen", "make") or len(words) < 2 or words[1] == "--help":
            continue
        known = set(COMMANDS) if words[0] == "lateen" else targets
        assert words[1] in known, line
        assert [w for w in words if w.startswith(("envoy_configs/", "filters/")) and not (ROOT / w).exists()] == []
