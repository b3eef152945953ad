"""The options that every command on a mesh shares, and the mesh that they load."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lateen.cli.examples import mesh_path
from lateen.diagnostics import Severity

if TYPE_CHECKING:
    from lateen.model.mesh import Mesh

DIRECTORY_HELP = "a folder of YAML, one file, - for standard input, or the name of an example: storefront, hello"
FORMATS = ("text", "json", "yaml", "github")


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """DIR and how to read it."""
    parser.add_argument("directory", metavar="DIR", help=DIRECTORY_HELP)
    parser.add_argument("--mesh-config", metavar="FILE", help="MeshConfig instead of DIR/mesh.yaml")
    parser.add_argument("--domain-suffix", default="cluster.local", metavar="SUFFIX", help="default cluster.local")
    parser.add_argument(
        "--no-strict", dest="strict", action="store_false", help="unknown fields are warnings, as in Istio's webhook"
    )
    add_finding_options(parser)


def add_finding_options(parser: argparse.ArgumentParser) -> None:
    """How findings are printed and which of them fail the command."""
    parser.add_argument("-o", dest="output", choices=FORMATS, default="text", help="format (default text)")
    parser.add_argument(
        "--failure-threshold",
        choices=[s.label for s in reversed(Severity)],
        default="error",
        help="exit 1 from this severity on (default error)",
    )


def network(text: str) -> str:
    """A CIDR of addresses, as the value of an option. Raises ValueError, which argparse reports."""
    from ipaddress import ip_network  # noqa: PLC0415

    return str(ip_network(text, strict=False))


def load_mesh(args: argparse.Namespace) -> Mesh:
    """The mesh that the options name. Raises MeshError if there is none or it cannot be used, OSError as `load`."""
    from pathlib import Path  # noqa: PLC0415

    import lateen  # noqa: PLC0415

    config = Path(args.mesh_config) if args.mesh_config else None
    return lateen.load(
        mesh_path(args.directory), mesh_config=config, domain_suffix=args.domain_suffix, strict=args.strict
    )
