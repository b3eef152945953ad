"""`lateen filters export`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.cli.filters import choose
from lateen.cli.output import print_data

if TYPE_CHECKING:
    from lateen.filterkit.catalog import Filter
    from lateen.filterkit.configured import Configured

HELP = """Print a filter with its configuration as a resource of what runs it: an entry of http_filters for Envoy,
WasmPlugin or TrafficExtension for Istio, EnvoyExtensionPolicy for Envoy Gateway. It is valid by the schema of that."""

_TARGETS = ("envoy", "wasmplugin", "trafficextension", "envoyextensionpolicy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filter, for what, configured how, and where its module is."""
    choose.add_name(parser)
    parser.add_argument("--as", dest="target", choices=_TARGETS, required=True, help="what it becomes")
    parser.add_argument("--config", metavar="FILE", help="configuration (YAML; default: the empty one)")
    parser.add_argument(
        "--image", metavar="REF", default="", help="where the module is: REGISTRY/NAME:TAG, or a URL (not for envoy)"
    )
    parser.add_argument(
        "--sha256", metavar="DIGEST", type=_digest, help="of the image's manifest, or of the file at a URL"
    )
    parser.add_argument(
        "--module",
        metavar="PATH",
        default="",
        help="the module on Envoy's machine (default /etc/lateen/modules/NAME-DIGEST.wasm)",
    )
    parser.add_argument(
        "--target",
        metavar="KIND/NAME",
        dest="attached",
        type=_attached,
        help="with --as envoyextensionpolicy: what it is attached to (default Gateway/eg)",
    )
    parser.add_argument("-o", dest="style", choices=("yaml", "json"), default="yaml", help="format (default yaml)")


def run(args: argparse.Namespace) -> int:
    """Print the resource; exit 1 for a configuration that the filter refuses, 2 if there is none that it could do
    without, or the target has no form for it.
    """
    from lateen.filterkit.export import Place, export  # noqa: PLC0415

    suite = choose.chosen_one(args.name)
    config = _configuration(suite, args.config)
    _built(suite)
    place = Place(args.image, args.sha256 or "", args.module, args.attached)
    print_data(export(suite, args.target, config, place), args.style)
    return 0


def _configuration(suite: Filter, file: str | None) -> Configured:
    """Raises MeshError (LAT0692) if the filter refuses it."""
    from lateen.diagnostics import MeshError  # noqa: PLC0415
    from lateen.filterkit.configured import configured, read_configuration  # noqa: PLC0415
    from lateen.source.document import Document  # noqa: PLC0415

    document = read_configuration(Path(file)) if file else Document({}, "")
    config, findings = configured(suite, document)
    if findings:
        raise MeshError(tuple(findings))
    return config


def _built(suite: Filter) -> None:
    """Raises MeshError (LAT0606) for a module that is not there."""
    from lateen.diagnostics import MeshError  # noqa: PLC0415
    from lateen.filterkit.catalog import unbuilt  # noqa: PLC0415

    if faults := unbuilt(suite):
        raise MeshError(faults)


def _digest(text: str) -> str:
    digest = text.removeprefix("sha256:")
    if not re.fullmatch(r"[a-f0-9]{64}", digest):
        raise argparse.ArgumentTypeError("64 hexadecimal digits are expected")
    return digest


def _attached(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("/")
    if not kind or not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise argparse.ArgumentTypeError("KIND/NAME is expected, such as Gateway/eg")
    return kind, name
