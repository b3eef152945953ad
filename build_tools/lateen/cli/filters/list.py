"""`lateen filters list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lateen.cli.filters.choose import add_arguments, chosen
from lateen.cli.output import print_data

if TYPE_CHECKING:
    from lateen.filterkit.catalog import Filter

__all__ = ["HELP", "add_arguments", "run"]

HELP = "Kind, phase, size and digest of the module, and what each filter does."


def run(args: argparse.Namespace) -> int:
    """Print the table; exit 0."""
    rows = [_row(suite) for suite in chosen(args.names)]
    if args.output != "text":
        print_data({"version": 1, "filters": rows}, args.output)
        return 0
    table = [("NAME", "KIND", "PHASE", "BYTES", "SHA256", "SUMMARY")]
    table += [
        (r["name"], r["kind"], r["phase"], str(r["size"] or "-"), (r["sha256"] or "-")[:12], r["summary"]) for r in rows
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())
    return 0


def _row(suite: Filter) -> dict[str, Any]:
    """Size (bytes) and digest are those of the built module; a filter without one has none."""
    return {
        "name": suite.name,
        "kind": suite.kind,
        "phase": suite.phase,
        "size": len(suite.module()) if suite.built else None,
        "sha256": suite.sha256 if suite.built else None,
        "summary": suite.summary,
    }
