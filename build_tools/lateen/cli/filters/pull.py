"""`lateen filters pull`."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.cli.filters import choose, registry
from lateen.cli.output import print_data
from lateen.diagnostics import MeshError, Origin

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic
    from lateen.filterkit.oci.keys import PublicKey
    from lateen.filterkit.oci.reference import Reference

HELP = """Get the module of an image, or the source of a Lua filter, from a registry.

The image may be of any maker, in every layout that Istio reads. All that comes is held against its digest; with --key
nothing is written that this key has not signed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which image, who must have signed it, and where to."""
    registry.add_arguments(parser)
    parser.add_argument(
        "--key", metavar="FILE", help="public key in PEM that must have signed the image (and the SBOM)"
    )
    parser.add_argument("--out", metavar="FILE", help="default NAME.wasm or NAME.lua, as the repository is named")
    parser.add_argument("--sbom", metavar="FILE", help="write the SBOM too")
    parser.add_argument(
        "--max-bytes", metavar="N", type=choose.positive, default=256 << 20, help="limit of the content (256 MiB)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file or files, none of which may exist, and print what they are."""
    from lateen.filterkit.oci import credentials, fetch, keys, reference  # noqa: PLC0415
    from lateen.filterkit.oci.registry import Registry  # noqa: PLC0415

    if args.sbom and args.sbom == args.out:
        print("lateen filters pull: --out and --sbom name one file", file=sys.stderr)
        return 2
    image = reference.parse(args.image)
    key = keys.read_public(Path(args.key)) if args.key else None
    _refuse_existing(path for path in (args.out, args.sbom) if path)
    with Registry(image, credentials.docker_configuration(), plain_http=args.plain_http) as source:
        pulled = fetch.fetch(source, image, key, args.max_bytes)
        bill = fetch.fetch_sbom(source, pulled.reference, key) if args.sbom else None
    if args.sbom and bill is None:
        raise MeshError((_no_sbom(pulled.reference, key),))
    out = Path(args.out or f"{image.repository.rpartition('/')[2]}.{pulled.kind}")
    _write({out: pulled.content} | ({} if bill is None else {Path(args.sbom): bill}))
    digest = hashlib.sha256(pulled.content).hexdigest()
    if args.output == "text":
        vouched = f", signed by {key.name}" if key else ""
        print(f"{out}: {len(pulled.content)} bytes, sha256 {digest}, from {pulled.reference}{vouched}")
    else:
        told = {"file": str(out), "size": len(pulled.content), "sha256": digest, "image": str(pulled.reference)}
        print_data({"version": 1, **told, "verified": key is not None}, args.output)
    return 0


def _no_sbom(image: Reference, key: PublicKey | None) -> Diagnostic:
    from lateen.diagnostics.codes.registry import NOT_SIGNED, REFUSED  # noqa: PLC0415

    what = f"an SBOM of {image}"
    if key:
        return NOT_SIGNED.at(Origin(str(image)), image=what, key=key.name, reason="it has none that is")
    return REFUSED.at(Origin(), registry=image.registry, what=what, reason="it has none")


def _write(content: Mapping[Path, bytes]) -> None:
    """All files, or none."""
    from lateen.identity import files  # noqa: PLC0415

    _refuse_existing(content)
    parts: dict[Path, Path] = {}
    try:
        for path, data in content.items():
            parts[path] = files.stage(path, data)
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _refuse_existing(paths: Iterable[str | Path]) -> None:
    from lateen.diagnostics.codes.registry import OUTPUT_EXISTS  # noqa: PLC0415

    found = [OUTPUT_EXISTS.at(Origin(), path=p, hint=OUTPUT_EXISTS.fix) for p in paths if os.path.lexists(p)]
    if found:
        raise MeshError(tuple(found))
