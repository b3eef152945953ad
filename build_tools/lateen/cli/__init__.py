"""The command line: a thin layer over the Python API.

Each command is a module of this package with `HELP`, `add_arguments` and `run`. Only the module of the command that
was asked for is imported, so `lateen --help` costs no more than argparse. Exit codes: 0 clean, 1 findings at or above
the threshold (or an expectation that failed), 2 usage, I/O or internal error.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "compile": "compile a mesh to the Envoy configuration of one or all proxies",
    "analyze": "report everything that is wrong with a mesh",
    "verify": "compile and check against Envoy's exact schema and Envoy itself",
    "init": "write a first mesh that runs",
    "up": "run the mesh: real Envoys around the services",
    "down": "end runs of `up` and remove what they left",
    "proxies": "list the proxies that a mesh declares",
    "envoy": "which Envoy is used, its version and its schema",
    "image": "build the images of the docker runtime from files of this machine",
    "filters": "list, build and test the filters of the suite",
    "explain-code": "what a diagnostic code means and how to mend it",
    "version": "print the version",
}
"""Command to its one line of help; the module has the same name with `_` for `-`."""

ONE_SHOT = frozenset({"compile", "analyze", "verify", "proxies"})
"""Commands that load a mesh and end with it."""


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "commands:\n" + "\n".join(lines) + "\n\n`lateen COMMAND --help` tells the rest."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lateen",
        description="Istio's traffic management, telemetry and policy for any stock Envoy.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` without the program's name."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = _parser()
    if not arguments:
        parser.print_help()
        return 2
    chosen = parser.parse_args(arguments)
    module = import_module(f"lateen.cli.{chosen.command.replace('-', '_')}")
    own = argparse.ArgumentParser(
        prog=f"lateen {chosen.command}",
        description=module.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(own)
    args = own.parse_args(chosen.arguments)
    from lateen.cli.boundary import run_command  # noqa: PLC0415

    return run_command(module.run, args, collect=chosen.command not in ONE_SHOT)
