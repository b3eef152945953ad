"""`lateen filters verify`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lateen.cli.filters import registry
from lateen.cli.output import print_data

HELP = """Say whether a key has signed a filter in a registry, and which SBOM of it.

Signatures are those of `lateen filters push --key` and of `cosign sign --key`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which image, and whose signature."""
    registry.add_arguments(parser)
    parser.add_argument("--key", metavar="FILE", required=True, help="public key in PEM")


def run(args: argparse.Namespace) -> int:
    """Print what is signed; exit 1 if the image is not."""
    from lateen.filterkit.oci import credentials, fetch, keys, reference  # noqa: PLC0415
    from lateen.filterkit.oci.content import digest_of  # noqa: PLC0415
    from lateen.filterkit.oci.registry import Registry  # noqa: PLC0415

    image = reference.parse(args.image)
    key = keys.read_public(Path(args.key))
    with Registry(image, credentials.docker_configuration(), plain_http=args.plain_http) as source:
        found = fetch.fetch(source, image, key)
        bill = fetch.fetch_sbom(source, found.reference, key)
    content, bill_digest = digest_of(found.content), digest_of(bill) if bill else ""
    if args.output == "text":
        print(f"{found.reference}: {found.kind} {content}, signed by {key.name}; SBOM: {bill_digest or 'none signed'}")
    else:
        told = {"image": str(found.reference), "key": key.name, "filter": content, "sbom": bill_digest}
        print_data({"version": 1, **told}, args.output)
    return 0
