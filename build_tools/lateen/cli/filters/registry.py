"""What the verbs on a registry share: the image that is meant, and how its registry is reached."""

from __future__ import annotations

import argparse

from lateen.cli.filters import choose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The image and the format."""
    parser.add_argument(
        "image", metavar="IMAGE", help="HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST], with or without oci://"
    )
    parser.add_argument(
        "--plain-http", action="store_true", help="no TLS; to a registry on this machine there is none anyway"
    )
    choose.add_format(parser)


def add_layout(parser: argparse.ArgumentParser) -> None:
    """Which layouts of a Wasm filter."""
    parser.add_argument(
        "--layout", choices=("compat", "oci", "both"), default="both", help="of a Wasm filter (default both)"
    )
