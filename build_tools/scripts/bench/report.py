"""Results as tables: Markdown for people and docs/benchmarks.md, JSON for whoever compares."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lateen.schema.binary import find_envoy, version

_BEGIN, _END = "<!-- figures: make bench ARGS=--docs -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of one benchmark. `columns` name their units; `command` measures them again."""

    title: str
    command: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]

    def markdown(self) -> str:
        """The table with its title and command."""
        head: tuple[tuple[str, ...], ...] = (self.columns, ("---", *("---:" for _ in self.columns[1:])))
        body = "\n".join(f"| {' | '.join(map(_text, cells))} |" for cells in (*head, *self.rows))
        return f"### {self.title}\n\n{body}\n\n(`{self.command}`)\n"


def _text(cell: str | float) -> str:
    if isinstance(cell, str):
        return cell
    digits = 0 if abs(cell) >= 100 or cell == int(cell) else 1 if abs(cell) >= 10 else 2
    return f"{cell:.{digits}f}"


def machine() -> str:
    """What the figures were measured on, in a sentence. The host's name is nobody's concern."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured on {os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, Envoy {version(find_envoy())},"
        f" at a load of {os.getloadavg()[0]:.1f} before the run."
    )


def document(facts: str, tables: list[Table]) -> dict[str, Any]:
    """Everything as JSON."""
    return {"version": 1, "machine": facts, "tables": [asdict(table) for table in tables]}


def renew(page: str, facts: str, tables: list[Table]) -> str:
    """The page with these figures between its marks. Raises ValueError if it has none."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("the page has no place for figures")
    figures = "\n".join(table.markdown() for table in tables)
    return f"{before}{begin}\n{facts}\n\n{figures}\n{end}{after}"


def note(text: str) -> None:
    """Progress, for people who wait."""
    print(text, file=sys.stderr, flush=True)
