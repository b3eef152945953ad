"""`python -m bench [PART ...]`: run the benchmarks, print Markdown, write JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from bench import compilation, data_plane, filters, operations, reload, sizes, start
from bench.commands import SCRIPTS
from bench.report import Table, document, machine, renew

PARTS: dict[str, Callable[[], list[Table]]] = {
    "compile": compilation.measure,
    "start": start.measure,
    "sizes": sizes.measure,
    "reload": reload.measure,
    "data-plane": data_plane.measure,
    "operations": operations.measure,
    "filters": filters.measure_all,
}
ROOT = SCRIPTS.parents[1]
RESULTS = ROOT / "dist" / "benchmarks.json"
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="Benchmarks: docs/benchmarks.md.")
    parser.add_argument("part", nargs="*", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes (default dist/benchmarks.json)")
    parser.add_argument("--docs", action="store_true", help="put the figures into docs/benchmarks.md, if all parts run")
    args = parser.parse_args()
    if unknown := set(args.part) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; parts: {', '.join(PARTS)}")
    if args.docs and args.part:
        parser.error("--docs takes the figures of one whole run")
    facts = machine()
    print(facts, flush=True)
    tables: list[Table] = []
    for name in args.part or PARTS:
        for table in PARTS[name]():
            print(f"\n{table.markdown()}", end="", flush=True)
            tables.append(table)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(document(facts, tables), indent=1) + "\n")
    if args.docs:
        PAGE.write_text(renew(PAGE.read_text(), facts, tables))


if __name__ == "__main__":
    main()
