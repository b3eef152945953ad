"""`lateen filters fuzz`."""

from __future__ import annotations

import argparse
import os
import random
from dataclasses import asdict
from typing import TYPE_CHECKING

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text
from lateen.cli.output import failure_code
from lateen.diagnostics import MeshError

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic

HELP = """Send random requests through each filter in this process: none may trap, loop, or end in an error.

Headers, bodies and answers are made of those of the filter's scenarios, cut up and mixed with noise; functions of the
host fail, clients give up, memory runs out. The seed is printed; an input of a seed is always the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, and how much of it."""
    choose.add_arguments(parser)
    parser.add_argument(
        "--inputs", type=choose.positive, default=10_000, metavar="N", help="for each filter (default 10000)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default: one that is drawn, and printed")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="number of the first input")
    parser.add_argument(
        "--jobs",
        type=choose.positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one for each core)",
    )


def run(args: argparse.Namespace) -> int:
    """Count what held; exit 1 if an input made a filter fail, or a filter cannot be fuzzed, whose file is at fault.

    What stops one filter leaves what others gave. Of native filters there is nothing to fuzz.
    """
    from lateen.filterkit.fuzz import fuzz  # noqa: PLC0415

    seed = random.SystemRandom().randrange(2**32) if args.seed is None else args.seed
    findings: list[Diagnostic] = []
    results = []
    for suite in choose.chosen(args.names):
        if suite.kind == "native":
            if args.names:
                findings.append(choose.nothing_to("fuzz", suite, "code of its own"))
            continue
        try:
            results.append(result := fuzz(suite, seed, args.inputs, args.first, args.jobs))
        except MeshError as error:
            findings += error.diagnostics
            continue
        findings += result.findings(suite)
        if args.output == "text":
            rate = result.inputs / max(result.seconds, 0.001)
            memory = f", {result.memory / 1024 / 1024:.1f} MiB" if result.memory else ""
            counts = f"{result.inputs} inputs, {len(result.failures)} failures"
            print(f"{result.filter}: {counts} ({rate:.0f}/s{memory}, seed {seed})", flush=True)
    if args.output == "text":
        failed = report_text(findings, args)
    else:
        failed = report_data(findings, args, filters=[asdict(result) for result in results])
    return failure_code(findings) if failed else 0
