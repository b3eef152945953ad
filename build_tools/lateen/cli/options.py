"""The options that every command on a mesh shares, and the mesh that they load."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lateen.cli.examples import mesh_path
from lateen.diagnostics import Severity

if TYPE_CHECKING:
    from lateen.model.mesh import Mesh

SOURCE_HELP = (
    "a folder of YAML (its kustomization, if it has one), a file, - for standard input, or the name of an example such "
    "as storefront; may be repeated"
)
FORMATS = ("text", "json", "yaml", "github")


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """The files and folders of a mesh, and how to read them."""
    parser.add_argument("sources", metavar="DIR", nargs="*", help=SOURCE_HELP)
    parser.add_argument("-f", dest="files", metavar="PATH", action="append", default=[], help="the same, as kubectl's")
    parser.add_argument("-R", "--recursive", action="store_true", help="folders with their subfolders")
    parser.add_argument("--mesh-config", metavar="FILE", help="MeshConfig instead of DIR/mesh.yaml")
    parser.add_argument("--domain-suffix", default="cluster.local", metavar="SUFFIX", help="default cluster.local")
    parser.add_argument(
        "--no-strict", dest="strict", action="store_false", help="unknown fields are warnings, as in Istio's webhook"
    )
    parser.add_argument("--cache", metavar="DIR", help="modules that were fetched (default $XDG_CACHE_HOME/lateen)")
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


def mesh_sources(args: argparse.Namespace) -> tuple[str, ...]:
    """The files and folders that the command names, as DIR or with `-f`. Raises MeshError if one does not exist."""
    if given := (*args.sources, *args.files):
        return tuple(mesh_path(name) for name in given)
    from lateen.diagnostics import MeshError, Origin  # noqa: PLC0415
    from lateen.diagnostics.codes.source import NO_SOURCE  # noqa: PLC0415

    raise MeshError((NO_SOURCE.at(Origin(), hint=NO_SOURCE.fix),))


def load_mesh(args: argparse.Namespace) -> Mesh:
    """The mesh that the options name. Raises MeshError if there is none or it cannot be used, OSError as `load`."""
    from pathlib import Path  # noqa: PLC0415

    import lateen  # noqa: PLC0415

    config = Path(args.mesh_config) if args.mesh_config else None
    return lateen.load(
        *mesh_sources(args),
        mesh_config=config,
        domain_suffix=args.domain_suffix,
        strict=args.strict,
        recursive=args.recursive,
        cache=Path(args.cache) if args.cache else None,
    )
