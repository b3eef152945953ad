"""`lateen filters push`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lateen.cli.filters import registry
from lateen.cli.filters.package import packages_of
from lateen.cli.output import print_data

HELP = """Push a filter to a registry as `lateen filters package` makes it, each image with its SBOM as a referrer.

With both layouts `compat` gets the tag of IMAGE and `oci` the same with -oci behind it. With --key images and SBOMs are
signed as `cosign sign --key` does it; the password of an encrypted key is in $LATEEN_KEY_PASSWORD. The login is that of
the Docker configuration ($DOCKER_CONFIG or ~/.docker), credential helpers included.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filter, where to, and who signs."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a filter (of the suite, or its folder), or a folder that `lateen filters package` made",
    )
    registry.add_arguments(parser)
    registry.add_layout(parser)
    parser.add_argument("--key", metavar="FILE", help="private key that signs: ECDSA P-256 in PEM")
    parser.add_argument(
        "--mount-from", metavar="REPOSITORY", default="", help="of the same registry, whose blobs are taken over"
    )


def run(args: argparse.Namespace) -> int:
    """Print what can be put into a WasmPlugin: each image with tag and digest."""
    from lateen.filterkit.oci import credentials, keys, layout, publish, reference  # noqa: PLC0415

    image = reference.parse(args.image)
    key = keys.read_private(Path(args.key)) if args.key else None
    source = Path(args.source)
    packages = layout.read(source) if (source / layout.MARKER).exists() else packages_of(args.source, args.layout)
    pushed = publish.push(
        packages,
        image,
        credentials.docker_configuration(),
        key,
        mount_from=args.mount_from,
        plain_http=args.plain_http,
    )
    if args.output != "text":
        rows = [
            {"layout": p.layout, "image": str(p.reference), "digest": p.reference.digest, "sbom": p.sbom}
            | {"signed": p.signed}
            for p in pushed
        ]
        print_data({"version": 1, "images": rows}, args.output)
        return 0
    for p in pushed:
        print(f"{p.layout}: {p.reference}{', signed' if p.signed else ''}")
    return 0
