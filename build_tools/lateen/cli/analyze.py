"""`lateen analyze DIR`."""

from __future__ import annotations

import argparse
import sys

from lateen.cli.options import add_mesh_options, load_mesh, mesh_sources
from lateen.cli.output import report
from lateen.diagnostics import MeshError

HELP = """Report everything that is wrong with a mesh: files, fields, and rules across resources.

Findings go to standard output. Exit 0 without findings at or above --failure-threshold, 1 with, 2 on usage and I/O."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DIR and how to read it."""
    add_mesh_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings; those about what could be read as well, when the mesh as a whole cannot be used."""
    from lateen.analysis import analyze  # noqa: PLC0415

    try:
        mesh = load_mesh(args)
        found = mesh.diagnostics
    except MeshError as error:
        if error.mesh is None:
            raise
        mesh, found = error.mesh, error.diagnostics
    findings = list(dict.fromkeys((*found, *analyze(mesh))))
    if not findings and args.output == "text":
        print(f"{', '.join(mesh_sources(args))}: no findings", file=sys.stderr)
    return report(findings, args, sys.stdout)
