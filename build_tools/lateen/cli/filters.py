"""`lateen filters list|build|test`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING, Any

from lateen.cli.output import print_data, report
from lateen.diagnostics import MeshError, Origin

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic
    from lateen.filterkit.catalog import Filter
    from lateen.filterkit.scenarios.run import Result

HELP = """List, build and test the filters of the suite; without NAME all of them.

list   kind, phase, module and what each filter does
build  build Wasm modules whose sources have changed; with --check only say which are stale
test   run scenarios/*.yaml of each filter on a real Envoy"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which filters."""
    parser.add_argument("what", choices=("list", "build", "test"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: every filter")
    parser.add_argument(
        "-o", dest="output", choices=("text", "json", "yaml"), default="text", help="format (default text)"
    )
    parser.add_argument("--check", action="store_true", help="with build: exit 1 if a module is stale, change nothing")
    parser.add_argument("--rebuild", action="store_true", help="with build: build modules that are not stale as well")
    parser.add_argument("--envoy", metavar="PATH", help="with test: default $LATEEN_ENVOY, else the installed one")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for; exit 1 if a module is stale, cannot be built, or an expectation does not hold."""
    chosen = _chosen(args.names)
    return {"list": _list, "build": _build, "test": _test}[args.what](chosen, args)


def _chosen(names: Iterable[str]) -> list[Filter]:
    """The filters of those names, or all. Raises MeshError for a name that no filter has (LAT0601)."""
    from lateen.api.nearest import suggestion  # noqa: PLC0415
    from lateen.diagnostics.codes import filterkit as codes  # noqa: PLC0415
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    try:
        known = catalog()
    except ValueError as error:
        file, _, problem = str(error).partition(": ")
        raise MeshError((codes.BAD_DESCRIPTION.at(Origin(file), problem=problem),)) from error
    names = dict.fromkeys(names) or known
    unknown = [name for name in names if name not in known]
    if unknown:
        hint = f"there are {', '.join(known)}"
        raise MeshError(
            tuple(codes.UNKNOWN_FILTER.at(Origin(), name=n, hint=suggestion(n, known) or hint) for n in unknown)
        )
    return [known[name] for name in names]


def _list(filters: list[Filter], args: argparse.Namespace) -> int:
    rows = [_row(suite) for suite in filters]
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
    built = (suite.directory / f"{suite.name}.wasm").exists()
    return {
        "name": suite.name,
        "kind": suite.kind,
        "phase": suite.phase,
        "size": len(suite.module()) if built else None,
        "sha256": suite.sha256 if built else None,
        "summary": suite.summary,
    }


def _build(filters: list[Filter], args: argparse.Namespace) -> int:
    from lateen.filterkit import build  # noqa: PLC0415

    if args.check:
        findings = build.stale(filters)
        if not findings and args.output == "text":
            print("every module fits its source")
        return report(findings, args, sys.stdout)
    modules, findings = build.build(filters, rebuild=args.rebuild)
    if args.output != "text":
        return _report_data(findings, args, modules=[asdict(module) for module in modules])
    for module in modules:
        state = "built" if module.rebuilt else "up to date"
        print(f"{module.name}: {state}, {module.size} bytes, sha256 {module.sha256[:12]} ({module.toolchain})")
    return _report_text(findings, args)


def _test(filters: list[Filter], args: argparse.Namespace) -> int:
    from lateen.filterkit.scenarios.run import run as run_scenarios  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

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
        return _report_data(findings, args, filters=[_outcomes(result) for result in results])
    return _report_text(findings, args)


def _outcomes(result: Result) -> dict[str, Any]:
    scenarios = [
        {"name": outcome.scenario.name, "state": outcome.state, "file": origin.file, "line": origin.line}
        for outcome in result.outcomes
        for origin in (outcome.scenario.origin(),)
    ]
    return {"name": result.filter, "seconds": round(result.seconds, 3), "scenarios": scenarios}


def _report_text(findings: list[Diagnostic], args: argparse.Namespace) -> int:
    return report(findings, args, sys.stdout) if findings else 0


def _report_data(findings: list[Diagnostic], args: argparse.Namespace, **more: Any) -> int:
    """Findings as every command prints them, with what this one adds."""
    text = StringIO()
    code = report(findings, argparse.Namespace(**(vars(args) | {"output": "json"})), text)
    print_data({**json.loads(text.getvalue()), **more}, args.output)
    return code
