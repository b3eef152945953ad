"""`lateen filters new`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

HELP = """Write the folder NAME of a new filter that builds, passes its tests and runs in Envoy at once.

It is small and real: requests say which version of an API they speak, in a header. Make it yours. A Wasm filter is a
Cargo workspace of its own with a copy of the SDK, so the folder can be put anywhere. Nothing is overwritten."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it is called, of which kind it is, and where it goes."""
    parser.add_argument("name", metavar="NAME", help="letters a-z, digits and _")
    parser.add_argument("--kind", choices=("wasm", "lua"), required=True, help="wasm is written in Rust")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder in which NAME is made (default: .)")


def run(args: argparse.Namespace) -> int:
    """Name each file on standard output; exit 0, or 2 for a bad name or a folder that is taken."""
    from lateen.cli.output import report_failure  # noqa: PLC0415
    from lateen.diagnostics import MeshError  # noqa: PLC0415
    from lateen.filterkit.scaffold import scaffold, write  # noqa: PLC0415

    folder = Path(args.out, args.name)
    try:
        content = scaffold(args.name, args.kind)
        write(folder, content)
    except MeshError as error:
        report_failure(error, args)
        return 2
    print(*(folder / path for path in content), sep="\n")
    place = shlex.quote(str(folder) if os.sep in str(folder) else f"./{folder}")
    build = f"lateen filters build {place} && " if args.kind == "wasm" else ""
    print(f"now: {build}lateen filters test {place}", file=sys.stderr)
    return 0
