"""`lateen filters package`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.cli.filters import choose, registry
from lateen.cli.output import print_data

if TYPE_CHECKING:
    from lateen.filterkit.oci.package import Package

HELP = """Write a filter as OCI images, each with its SBOM, into an OCI image layout folder.

A Wasm filter becomes an image in each layout that Istio and Envoy Gateway read: `compat` (plugin.wasm in a tar.gz,
what `docker build` makes too) and `oci` (the module as it is). A Lua filter becomes an artifact that only lateen reads,
since Istio and Envoy Gateway take Lua in their resources. The same filter gives the same bytes, wherever it is done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filter, in which layouts, where to."""
    choose.add_name(parser)
    registry.add_layout(parser)
    parser.add_argument("--out", metavar="DIR", help="a folder that does not exist yet (default NAME.oci)")
    choose.add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the digest of each image."""
    from lateen.filterkit.oci import layout  # noqa: PLC0415

    packages = packages_of(args.name, args.layout)
    folder = Path(args.out or f"{Path(args.name).resolve().name}.oci")
    layout.write(packages, folder)
    rows = [
        {"layout": package.layout, "digest": package.image.digest, "sbom": package.sbom.digest} for package in packages
    ]
    if args.output != "text":
        print_data({"version": 1, "folder": str(folder), "images": rows}, args.output)
        return 0
    for row in rows:
        print(f"{folder}: {row['layout']} {row['digest']}, SBOM {row['sbom']}")
    return 0


def packages_of(name: str, chosen_layout: str) -> list[Package]:
    """The images of a filter in the layouts that the command line names. Raises MeshError as `chosen` and `package`."""
    from lateen.filterkit.oci.package import LAYOUTS, package  # noqa: PLC0415

    return package(choose.chosen_one(name), LAYOUTS if chosen_layout == "both" else (chosen_layout,))
