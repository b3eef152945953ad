"""The command line: a thin layer over the Python API.

Each command is a module of this package with `HELP`, `add_arguments` and `run`, or a package of such modules with
`HELP` and `VERBS`. Only the module of the command that was asked for is imported, so `lateen --help` costs no more than
argparse. Exit codes: 0 clean, 1 findings at or above the threshold (or an expectation that failed), 2 usage, I/O or
internal error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

COMMANDS = {
    "compile": "compile a mesh to the Envoy configuration of one or all proxies",
    "analyze": "report everything that is wrong with a mesh",
    "verify": "compile and check against Envoy's exact schema and Envoy itself",
    "fetch": "fetch the Wasm modules that a mesh names by URL, and lock their digests",
    "patch": "put filters and Istio's telemetry into Envoy configuration that you have",
    "init": "write a first mesh that runs",
    "up": "run the mesh: real Envoys around the services",
    "down": "end runs of `up` and remove what they left",
    "proxies": "list the proxies that a mesh declares",
    "envoy": "which Envoy is used, its version and its schema",
    "image": "build the images of the docker runtime from files of this machine",
    "filters": "the workbench: build and test filters",
    "explain-code": "what a diagnostic code means and how to mend it",
    "version": "print the version",
}
"""Command to its one line of help; the module has the same name with `_` for `-`."""

ONE_SHOT = frozenset({"compile", "analyze", "verify", "patch", "proxies"})
"""Commands that load a mesh and end with it."""


DESCRIPTION = "Istio's traffic management, telemetry and policy for any stock Envoy."


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` without the program's name."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = chooser("lateen", DESCRIPTION, COMMANDS, "COMMAND")
    if not arguments:
        parser.print_help()
        return 2
    chosen = parser.parse_args(arguments)
    module, name = _module("lateen.cli", chosen.command), f"lateen {chosen.command}"
    if hasattr(module, "VERBS"):
        verb = chooser(name, module.HELP, module.VERBS, "VERB").parse_args(chosen.arguments)
        chosen.arguments, name = verb.arguments, f"{name} {verb.command}"
        module = _module(module.__name__, verb.command)
    args = command_parser(name, module).parse_args(chosen.arguments)
    from lateen.cli.boundary import run_command  # noqa: PLC0415

    return run_command(module.run, args, collect=chosen.command not in ONE_SHOT)


def chooser(prog: str, description: str, choices: Mapping[str, str], metavar: str) -> argparse.ArgumentParser:
    """A parser that takes one of these commands, each with its line of help, and leaves the rest to it."""
    width = max(map(len, choices))
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in choices.items())
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"{metavar.lower()}s:\n{lines}\n\n`{prog} {metavar} --help` tells the rest.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=choices, metavar=metavar, help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    return parser


def command_parser(prog: str, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of a command's module."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def _module(package: str, name: str) -> ModuleType:
    return import_module(f"{package}.{name.replace('-', '_')}")
