"""`lateen filters build`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text
from lateen.cli.output import report

HELP = "Build the Wasm modules whose sources have changed; without NAME those of the whole suite."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, and what of them is built."""
    choose.add_arguments(parser)
    parser.add_argument("--check", action="store_true", help="exit 1 if a module is stale, change nothing")
    parser.add_argument("--rebuild", action="store_true", help="build modules that are not stale as well")
    parser.add_argument(
        "--debug", metavar="DIR", help="folder for NAME.debug.wasm, which has names (default: cargo's target directory)"
    )


def run(args: argparse.Namespace) -> int:
    """Say what was built; exit 1 if a module is stale or over its budget, 2 if it cannot be built."""
    from lateen.filterkit import build  # noqa: PLC0415

    filters = choose.chosen(args.names)
    without = [choose.nothing_to("build", each, "module") for each in filters if args.names and each.kind != "wasm"]
    if args.check:
        stale = build.stale(filters)
        if not stale and len(without) < len(filters) and args.output == "text":
            print("every module fits its source")
        return report(stale + without, args, sys.stdout)
    debug = Path(args.debug) if args.debug else None
    modules, findings = build.build(filters, rebuild=args.rebuild, debug=debug)
    findings += without
    if args.output != "text":
        return report_data(findings, args, modules=[asdict(module) for module in modules])
    for module in modules:
        state = "built" if module.rebuilt else "up to date"
        print(f"{module.name}: {state}, {module.size} bytes, sha256 {module.sha256[:12]} ({module.toolchain})")
        if module.debug:
            print(f"  with names: {module.debug}")
    return report_text(findings, args)
