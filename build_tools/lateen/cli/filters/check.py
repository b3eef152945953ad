"""`lateen filters check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data, report_text

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic

HELP = """Check filters without a request: description, scenarios and configuration against their schemas; a module's
ABI, exports, imports and size; Lua on LuaJIT, and what it must not reach; and whether Envoy takes the filter."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, with which configuration, for which Envoy."""
    choose.add_arguments(parser)
    parser.add_argument("--config", metavar="FILE", help="configuration (YAML; default: those of the scenarios)")
    parser.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")


def run(args: argparse.Namespace) -> int:
    """Say of each filter what was found; exit 1 if anything was."""
    from lateen.filterkit.check.filter import check  # noqa: PLC0415
    from lateen.filterkit.configured import read_configuration  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    filters = choose.chosen(args.names)
    config = read_configuration(Path(args.config)) if args.config else None
    envoy = find_envoy(args.envoy)
    asked = version(envoy)
    findings: list[Diagnostic] = []
    rows: list[dict[str, Any]] = []
    for suite in filters:
        checked = check(suite, envoy, asked, config)
        findings += checked.findings
        rows.append({"name": suite.name, "ok": not checked.findings, "configurations": checked.configurations})
        if args.output == "text" and not checked.findings:
            count = checked.configurations
            print(f"{suite.name}: good with {count} configuration{'s' * (count != 1)} (Envoy {asked})", flush=True)
    if args.output != "text":
        return report_data(findings, args, filters=rows)
    return report_text(findings, args)
