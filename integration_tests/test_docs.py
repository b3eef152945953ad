"""Every command in the documentation, run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from groups import ENGINE, group
from registries import EXAMPLE

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "docs/quickstart.md"
"""Its commands build on each other; test_wheel runs them in order."""

FOUND = (p for pattern in ("README.md", "docs/**/*.md", "envoy_configs/**/*.md") for p in ROOT.glob(pattern))
PAGES = sorted(set(FOUND) - {QUICKSTART})
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSIONS = {ROOT / "docs" / f"{name}.md" for name in ("existing-envoy", "filter-images", "write-a-filter")}
"""Pages whose blocks are one session; a test of its own runs each (`test_existing_envoy`, `test_filter_images` ...)."""

_ALONE = ("list", "build", "test")
"""Verbs of `lateen filters` that need no more than their name."""

INLINE = re.compile(r"`((?:lateen|make) [^`]+)`")


def commands() -> dict[str, Path]:
    """Each command of an sh block or of a line of prose, as it is run here, with the first page that has it.

    What `make test` runs by itself is left out.
    """
    made = (ROOT / "Makefile").read_text()
    found: dict[str, Path] = {}
    for page in PAGES:
        text = page.read_text()
        lines = [line for body in BLOCK.findall(text) for line in body.splitlines() if page not in SESSIONS]
        lines += [c for c in INLINE.findall(text) if not re.search(r"\b[A-Z]{3,}\b|\.\.\.|\[|nnnn", c)]
        for line in lines:
            command = line.split(" #")[0].strip()
            if command.startswith(("lateen ", "make ")) and f"$(BIN)/{command}\n" not in made:
                found.setdefault(bounded(command), page)
    return found


def bounded(command: str) -> str:
    """The command so that it ends, and has what it needs.

    `up` runs once, `serve` not at all, `make` does nothing (one target runs this); a name alone prints its help.
    """
    words = shlex.split(command)
    if words[0] == "make":
        words.insert(1, "-n")
    elif len(words) == 2 and words[1] not in ("down", "version", "explain-code"):
        words.append("--help")
    elif words[1] == "filters" and (words[2] == "serve" or (words[2] not in _ALONE and not _operands(words[3:]))):
        words[3:] = ["--help"]
    elif words[1] == "up" and "--once" not in words:
        words.append("--once")
    elif len(words) > 2 and not _operands(words[2:]):  # an option that prose speaks of
        words[2:] = ["--help"]
    return shlex.join(words)


def _operands(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


@pytest.fixture(scope="module")
def runs() -> Iterator[Path]:
    """Where these commands keep their runs, which `lateen down` ends; its path is short, because sockets lie below."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        yield Path(folder)


@pytest.mark.parametrize(("command", "page"), commands().items(), ids=commands())
def test_the_command_works(
    command: str, page: Path, tmp_path: Path, runs: Path, request: pytest.FixtureRequest
) -> None:
    words = shlex.split(command)
    if group(request.node.nodeid) == ENGINE:
        request.getfixturevalue("engine")
    if "--out" in words:
        words[words.index("--out") + 1] = str(tmp_path / "out")
    if EXAMPLE in command:
        for word, here in request.getfixturevalue("examples").items():
            words = [given.replace(word, here) for given in words]
    if words[0] == "lateen":
        words[0] = str(ROOT / ".venv/bin/lateen")
    place = tmp_path if words[1] == "init" else page.parent if "." in words else ROOT
    environment = os.environ | {"XDG_RUNTIME_DIR": str(runs)}
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
