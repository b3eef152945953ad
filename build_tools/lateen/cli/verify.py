"""`lateen verify DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from lateen.cli.options import add_mesh_options, load_mesh, mesh_sources, network
from lateen.cli.output import report, report_failure
from lateen.diagnostics import Diagnostic, MeshError, Severity

HELP = """Compile every proxy of a mesh and check the result: by Envoy's exact schema, by rules across resources that
Envoy does not have, and by `envoy --mode validate`.

Nothing outside of a temporary folder is written, no port is bound and nothing is fetched; certificates and modules that
the configuration names need not exist here. Findings go to standard output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, which Envoy to ask, and where workloads are assumed to be."""
    add_mesh_options(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")
    which.add_argument("--no-envoy", action="store_true", help="only the schema of the packaged version and the rules")
    parser.add_argument(
        "--place",
        type=network,
        default="198.18.0.0/15",
        metavar="CIDR",
        help="default 198.18.0.0/15 (addresses for tests)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings of all stages; exit 1 if one reaches the threshold, or if there is nothing to check with."""
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    try:
        binary = None if args.no_envoy else find_envoy(args.envoy)
        asked = f"Envoy {version(binary)}" if binary else "Envoy not asked"
        proxies, findings = _check(args, binary)
    except MeshError as error:
        return report_failure(error, args, sys.stdout)
    if not findings and args.output == "text":
        print(f"\N{CHECK MARK} {', '.join(mesh_sources(args))}: {proxies} proxies hold ({asked})", file=sys.stderr)
    return report(findings, args, sys.stdout)


def _check(args: argparse.Namespace, binary: Path | None) -> tuple[int, list[Diagnostic]]:
    """How many proxies the mesh has, and what every stage finds."""
    from lateen.analysis import analyze  # noqa: PLC0415
    from lateen.compiler import Compiler  # noqa: PLC0415
    from lateen.model.placement import place_by_cidr  # noqa: PLC0415
    from lateen.verification import verify_many  # noqa: PLC0415

    mesh = place_by_cidr(load_mesh(args), args.place)
    compiler = Compiler(mesh)
    snapshots = [compiler.compile(proxy) for proxy in mesh.proxies()]
    early = [*mesh.diagnostics, *analyze(mesh), *(found for snapshot in snapshots for found in snapshot.diagnostics)]
    late = [found for findings in verify_many(snapshots, binary) for found in findings]
    return len(snapshots), list(dict.fromkeys((*early, *_unsaid(late, early))))


def _unsaid(late: Iterable[Diagnostic], early: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What verification adds: a fault that an earlier stage reports at the same line is said there, and better."""
    said = {(found.origin.file, found.origin.line) for found in early if found.severity is Severity.ERROR}
    return [found for found in late if (found.origin.file, found.origin.line) not in said]
