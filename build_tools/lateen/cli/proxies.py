"""`lateen proxies`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lateen.cli.options import add_mesh_options, load_mesh, mesh_sources
from lateen.cli.output import print_data

if TYPE_CHECKING:
    from lateen.model.mesh import Mesh

HELP = "List the proxies that a mesh declares, with their addresses while `lateen up` runs it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, and where runs are."""
    add_mesh_options(parser)
    parser.add_argument("--state-dir", metavar="PATH", help="where runs keep their files (default: the user's own)")


def run(args: argparse.Namespace) -> int:
    """Print a table or, with `-o json` or `-o yaml`, the same as data; exit 0."""
    rows = _rows(load_mesh(args), _addresses(args))
    if args.output in ("json", "yaml"):
        print_data({"version": 1, "proxies": rows}, args.output)
        return 0
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("NAME", "KIND", "WORKLOAD", "ADDRESS", "NODE ID"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(row["name"], row["kind"], row["workload"], row["address"] or "-", row["node_id"])
    Console(width=200, highlight=False).print(table)
    return 0


def _rows(mesh: Mesh, addresses: dict[str, str]) -> list[dict[str, str]]:
    """One row for each proxy, placed where a run has placed it."""
    placed = mesh.placed({key: address for key, address in addresses.items() if mesh.workload(key)})
    return [
        {
            "name": f"{proxy.name}.{proxy.namespace}",
            "kind": proxy.kind,
            "workload": proxy.owner,
            "address": proxy.addresses[0] if proxy.addresses else "",
            "node_id": proxy.node_id,
        }
        for proxy in placed.proxies()
    ]


def _addresses(args: argparse.Namespace) -> dict[str, str]:
    """The addresses of the newest run of the (first) folder; empty without one."""
    from pathlib import Path  # noqa: PLC0415

    from lateen.runtime.state import find_runs  # noqa: PLC0415

    base = Path(args.state_dir).absolute() if args.state_dir else None
    directory = Path(mesh_sources(args)[0]).absolute()
    runs = [run for run in find_runs(base) if run.alive and run.directory == directory]
    return runs[-1].addresses if runs else {}
