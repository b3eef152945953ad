"""`lateen filters bench`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lateen.diagnostics import Diagnostic
    from lateen.filterkit.bench import Measurement
    from lateen.filterkit.catalog import Filter

HELP = """Measure what filters cost, each on real Envoys that differ in nothing else: no filter, an empty one that is
entered and does nothing, the filter, and Envoy's own filters that do the same, where there are some. Requests, and what
is compared, are in the filter's bench.yaml.

Rounds alternate between the ways. Figures are medians: CPU per request, latency, memory. With --check the exit code is
1 if the filter takes more CPU above an empty one than budget.microseconds of its filter.yaml."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, how often, and on which Envoy."""
    choose.add_arguments(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit 1 if a filter is over its budget, has none, or nothing says how it is measured",
    )
    parser.add_argument("--rounds", type=choose.positive, default=7, metavar="N", help="default 7")
    parser.add_argument(
        "--requests", type=choose.positive, default=4000, metavar="N", help="in each round (default 4000)"
    )
    parser.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")


def run(args: argparse.Namespace) -> int:
    """Print the figures; exit 1 if a filter could not be measured, or with --check, is over its budget."""
    from lateen.diagnostics import MeshError, Origin, Severity  # noqa: PLC0415
    from lateen.diagnostics.codes.bench import NO_LOAD_TOOL  # noqa: PLC0415
    from lateen.filterkit.bench.load import tool  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    filters = choose.chosen(args.names)
    if not tool():
        raise MeshError((NO_LOAD_TOOL.at(Origin(), hint=NO_LOAD_TOOL.fix),))
    envoy = find_envoy(args.envoy)
    asked = version(envoy)
    measured: list[Measurement] = []
    findings: list[Diagnostic] = []
    for suite in filters:
        found = _measure(suite, envoy, args)
        if isinstance(found, list):
            findings += (replace(each, severity=Severity.ERROR) for each in found) if args.check else found
            continue
        findings += _judge(suite, found, args)
        measured.append(found)
        if args.output == "text":
            print(_table(found), flush=True)
    if args.output != "text":
        budgets = {suite.name: suite.budget.get("microseconds") for suite in filters}
        rows = [_row(each, budgets[each.filter]) for each in measured]
        return report_data(findings, args, envoy=asked, rounds=args.rounds, requests=args.requests, filters=rows)
    return report_text(findings, args)


def _measure(suite: Filter, envoy: Path, args: argparse.Namespace) -> Measurement | list[Diagnostic]:
    from lateen.diagnostics import Origin  # noqa: PLC0415
    from lateen.diagnostics.codes.bench import NOT_MEASURED  # noqa: PLC0415
    from lateen.filterkit.bench import measure, read_plan  # noqa: PLC0415
    from lateen.filterkit.bench.load import LoadError  # noqa: PLC0415
    from lateen.filterkit.bench.process import NotServingError  # noqa: PLC0415
    from lateen.filterkit.catalog import unbuilt  # noqa: PLC0415

    if missing := unbuilt(suite):
        return list(missing)
    plan, faults = read_plan(suite)
    if plan is None:
        return faults
    try:
        return measure(suite, plan, envoy, args.rounds, args.requests, _note)
    except (LoadError, NotServingError) as error:
        origin = Origin(str(suite.directory))
        return [NOT_MEASURED.at(origin, name=suite.name, reason=str(error).partition("\n")[0], hint=NOT_MEASURED.fix)]


def _judge(suite: Filter, found: Measurement, args: argparse.Namespace) -> Iterable[Diagnostic]:
    """What --check has against a filter."""
    from lateen.diagnostics import Origin, Severity  # noqa: PLC0415
    from lateen.diagnostics.codes.bench import NO_PLAN, OVER_TIME  # noqa: PLC0415
    from lateen.filterkit.bench.ways import EMPTY  # noqa: PLC0415

    taken, budget = found.above(EMPTY), suite.budget.get("microseconds")
    origin = Origin(str(suite.directory / "filter.yaml"))
    if not args.check or taken is None:
        return
    if budget is None:
        lacks = "has no budget.microseconds to be held to"
        yield NO_PLAN.at(origin, name=suite.name, lacks=lacks, severity=Severity.ERROR, hint=NO_PLAN.fix)
    elif taken > budget:
        yield OVER_TIME.at(origin, name=suite.name, taken=taken, budget=budget, hint=OVER_TIME.fix)


def _table(found: Measurement) -> str:
    from lateen.filterkit.bench.ways import EMPTY, NONE  # noqa: PLC0415

    head = (found.filter.upper(), "CPU us", "above none", "above empty", "p50 us", "p99 us", "MB", "MB/worker")
    rows: list[tuple[str, ...]] = [head]
    for way, figures in found.ways.items():
        above = (_number(None if way in (NONE, base) else found.above(base, way)) for base in (NONE, EMPTY))
        latency = (f"{figures.p50:.0f}", f"{figures.p99:.0f}")
        memory = (f"{figures.resident / 1024:.1f}", f"{figures.per_worker / 1024:.2f}")
        rows.append((way, f"{figures.cpu:.1f}", *above, *latency, *memory))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            f"{cell:{'<' if n == 0 else '>'}{width}}" for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _row(found: Measurement, budget: float | None) -> dict[str, Any]:
    """Microseconds and KB, as in Figures; `ratio_to_native` compares CPU above no filter."""
    from lateen.filterkit.bench.ways import EMPTY, NATIVE, NONE  # noqa: PLC0415

    return {
        "name": found.filter,
        "ways": [
            {
                "name": way,
                "cpu_us": round(figures.cpu, 2),
                "p50_us": round(figures.p50),
                "p99_us": round(figures.p99),
                "resident_kb": figures.resident,
                "per_worker_kb": round(figures.per_worker),
            }
            for way, figures in found.ways.items()
        ],
        "above_no_filter_us": _rounded(found.above(NONE)),
        "above_empty_us": _rounded(found.above(EMPTY)),
        "ratio_to_empty": _rounded(found.ratio(EMPTY)),
        "ratio_to_native": _rounded(found.ratio(NATIVE)),
        "rounds_above_empty_us": [round(each, 2) for each in found.differences.get(f"filter - {EMPTY}", ())],
        "budget_us": budget,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
