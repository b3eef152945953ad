"""`lateen init [DIR]`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.cli.examples import examples

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic

HELP = """Write a first mesh that runs: services with a sidecar each, a gateway, routing, policy, and what must hold.

Without --example it is the mesh `hello`, whose applications need nothing but Python. Nothing is overwritten: if a file
exists already, or another YAML file would become part of the mesh, each is named, nothing is written, and the command
exits with 2."""

_RUNS = Path("expectations.yaml")
"""What an example has that `up` can run; the others are of hosts that run already."""

_MADE = frozenset(("compiled", "__pycache__"))
"""Envoy configuration in a checkout; byte code that an installer leaves."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which mesh, and where it goes."""
    parser.add_argument("directory", metavar="DIR", nargs="?", default=".", help="made if need be (default: .)")
    parser.add_argument("--example", metavar="NAME", default="hello", help="another example, to make it yours")


def run(args: argparse.Namespace) -> int:
    """Write the files and name each on standard output; exit 0, or 2 if one is in the way."""
    from lateen.cli.output import report  # noqa: PLC0415

    content = _content(args.example)
    folder = Path(args.directory)
    if in_the_way := list(_in_the_way(folder, content)):
        report(in_the_way, args)
        return 2
    _write(folder, content)
    print(*(folder / name for name in content), sep="\n")
    verb = "up" if _RUNS in content else "verify"
    print(f"now: lateen {verb} {shlex.quote(args.directory)}", file=sys.stderr)
    return 0


def _content(example: str) -> dict[Path, bytes]:
    """The files of an example by relative path, without what was made from them. Raises MeshError (LAT0011)."""
    known = examples()
    if example not in known:
        from lateen.api.nearest import suggestion  # noqa: PLC0415
        from lateen.diagnostics import MeshError, Origin  # noqa: PLC0415
        from lateen.diagnostics.codes.usage import NO_SUCH_EXAMPLE  # noqa: PLC0415

        hint = suggestion(example, known) or f"there are {', '.join(known)}"
        raise MeshError((NO_SUCH_EXAMPLE.at(Origin(), name=example, hint=hint),))
    root = known[example]
    files = {path.relative_to(root): path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not _MADE.intersection(name.parts)}


def _in_the_way(folder: Path, content: dict[Path, bytes]) -> Iterator[Diagnostic]:
    from lateen.diagnostics import Origin  # noqa: PLC0415
    from lateen.diagnostics.codes.usage import FILE_EXISTS, OTHER_YAML  # noqa: PLC0415

    for name in content:
        if os.path.lexists(folder / name):
            yield FILE_EXISTS.at(Origin(str(folder / name)), hint=FILE_EXISTS.fix)
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        if path.relative_to(folder) not in content and not path.name.startswith("."):
            yield OTHER_YAML.at(Origin(str(path)), folder=folder, hint=OTHER_YAML.fix)


def _write(folder: Path, content: dict[Path, bytes]) -> None:
    """All files, or none: what was made is removed again if one cannot be written. Raises OSError."""
    from lateen.identity.files import write  # noqa: PLC0415

    made: list[Path] = []
    try:
        for name, data in content.items():
            for parent in reversed((folder / name).parents):
                if not parent.exists():
                    parent.mkdir()
                    made.append(parent)
            write(folder / name, data)
            made.append(folder / name)
    except BaseException:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise
