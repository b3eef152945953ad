"""`lateen filters capabilities`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lateen.cli.filters import choose
from lateen.cli.output import print_data

HELP = """What a Wasm module may do at most: the host's functions that it calls, and its callbacks that Envoy calls.

As JSON or YAML it is Envoy's `capability_restriction_config`, which lateen puts beside every module: a call that it
does not name fails. A module that was not built here is named by its file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which filter or module, and in which format."""
    parser.add_argument("name", metavar="NAME", help="of the suite, the folder of a filter, or a .wasm file")
    choose.add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print a name per line; exit 1 if the module is broken, 2 if there is none."""
    from lateen.xds.filters.wasm import restriction  # noqa: PLC0415

    found = _capabilities(args.name)
    if args.output == "text":
        print(*found, sep="\n")
    else:
        print_data({"capability_restriction_config": restriction(found)}, args.output)
    return 0


def _capabilities(name: str) -> tuple[str, ...]:
    """Raises MeshError for a module that is broken (LAT0622) or not built (LAT0606) and for Lua (LAT0694)."""
    from lateen.diagnostics import MeshError, Origin  # noqa: PLC0415
    from lateen.diagnostics.codes import workbench  # noqa: PLC0415
    from lateen.filterkit.catalog import unbuilt  # noqa: PLC0415
    from lateen.filterkit.module import BrokenModuleError, read_module  # noqa: PLC0415

    path = Path(name)
    if path.suffix != ".wasm":
        suite = choose.chosen_one(name)
        path = suite.module_path
        if suite.kind != "wasm":
            reason = f"Envoy restricts Wasm modules only, not filters of kind {suite.kind}"
            target = "capability_restriction_config"
            raise MeshError((workbench.CANNOT_EXPORT.at(Origin(), name=suite.name, target=target, reason=reason),))
        if faults := unbuilt(suite):
            raise MeshError(faults)
    try:
        return read_module(path.read_bytes()).capabilities
    except BrokenModuleError as error:
        raise MeshError((workbench.BROKEN_MODULE.at(Origin(str(path)), name=path.stem, reason=error),)) from error
