"""`lateen filters test`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text
from lateen.diagnostics import Severity

if TYPE_CHECKING:
    from lateen.filterkit.scenarios.run import Result

HELP = "Run scenarios/*.yaml of each filter on the hosts that they list; both hosts must agree."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, on which hosts and which Envoy."""
    choose.add_arguments(parser)
    parser.add_argument(
        "--host",
        choices=("inprocess", "envoy", "both"),
        default="both",
        help="only there: in this process, without Envoy, or on a real Envoy (default both)",
    )
    parser.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")


def run(args: argparse.Namespace) -> int:
    """Count what passed; exit 1 if an expectation does not hold."""
    from lateen.filterkit.scenarios.run import ENVOY, HOSTS, INPROCESS  # noqa: PLC0415
    from lateen.filterkit.scenarios.run import run as run_scenarios  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    filters = choose.chosen(args.names)
    hosts = HOSTS if args.host == "both" else (args.host,)
    envoy = find_envoy(args.envoy) if ENVOY in hosts else None
    names = {ENVOY: f"Envoy {version(envoy)}" if envoy else "", INPROCESS: "in process"}
    results = []
    for suite in filters:
        results.append(result := run_scenarios(suite, envoy, hosts))
        if args.output == "text":
            print(f"{result.filter}: {_counts(result, names)}", flush=True)
    findings = [finding for result in results for finding in result.findings]
    if args.output != "text":
        return report_data(findings, args, filters=[_outcomes(result) for result in results])
    return report_text([finding for finding in findings if finding.severity > Severity.INFO], args)


def _counts(result: Result, names: dict[str, str]) -> str:
    """What came of the scenarios, by host."""
    parts = []
    for host, seconds in result.seconds.items():
        states = [f"{count} {state}" for state in ("passed", "failed") if (count := result.count(state, host))]
        parts.append(f"{names[host]}: {', '.join(states) or 'none'} in {seconds:.1f} s")
    left_out = result.count("not run")
    return "; ".join([*parts, *([f"{left_out} not run"] if left_out else [])]) or "none run"


def _outcomes(result: Result) -> dict[str, Any]:
    scenarios = [
        {
            "name": outcome.scenario.name,
            "host": outcome.host,
            "state": outcome.state,
            "file": origin.file,
            "line": origin.line,
        }
        for outcome in result.outcomes
        for origin in (outcome.scenario.origin(),)
    ]
    seconds = {host: round(spent, 3) for host, spent in result.seconds.items()}
    return {"name": result.filter, "seconds": seconds, "scenarios": scenarios}
