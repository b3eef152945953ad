"""`lateen filters test`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text

if TYPE_CHECKING:
    from lateen.filterkit.scenarios.run import Result

HELP = "Run scenarios/*.yaml of each filter on a real Envoy."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, on which Envoy."""
    choose.add_arguments(parser)
    parser.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")


def run(args: argparse.Namespace) -> int:
    """Count what passed; exit 1 if an expectation does not hold."""
    from lateen.filterkit.scenarios.run import run as run_scenarios  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    filters = choose.chosen(args.names)
    envoy = find_envoy(args.envoy)
    asked = f"Envoy {version(envoy)}"
    results = []
    for suite in filters:
        results.append(result := run_scenarios(suite, envoy))
        if args.output == "text":
            counts = ", ".join(f"{result.count(state)} {state}" for state in ("passed", "failed", "not run"))
            print(f"{result.filter}: {counts} ({asked}, {result.seconds:.1f} s)", flush=True)
    findings = [finding for result in results for finding in result.findings]
    if args.output != "text":
        return report_data(findings, args, filters=[_outcomes(result) for result in results])
    return report_text(findings, args)


def _outcomes(result: Result) -> dict[str, Any]:
    scenarios = [
        {"name": outcome.scenario.name, "state": outcome.state, "file": origin.file, "line": origin.line}
        for outcome in result.outcomes
        for origin in (outcome.scenario.origin(),)
    ]
    return {"name": result.filter, "seconds": round(result.seconds, 3), "scenarios": scenarios}
