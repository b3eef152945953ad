"""`lateen envoy which|version|schema`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lateen.cli.output import print_data

HELP = """Which Envoy is used, its version, and the schema that it carries.

which    its path: --envoy, else $LATEEN_ENVOY, else the installed package, else the PATH
version  its path and version
schema   how many files and messages its API has; with --out, the descriptors themselves"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to tell, of which binary, and how."""
    parser.add_argument("what", choices=("which", "version", "schema"))
    parser.add_argument("--envoy", metavar="PATH", help="another Envoy")
    parser.add_argument(
        "-o", dest="output", choices=("text", "json", "yaml"), default="text", help="format (default text)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="with schema: write the google.protobuf.FileDescriptorSet, gzipped if FILE ends in .gz",
    )


def run(args: argparse.Namespace) -> int:
    """Print one answer; exit 0."""
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    binary = find_envoy(args.envoy)
    answer: dict[str, Any] = {"path": str(binary)}
    if args.what != "which":
        answer["version"] = version(binary)
    if args.what == "schema":
        answer |= _schema(binary, args.out)
    _print(answer, args)
    return 0


def _schema(binary: Path, out: str | None) -> dict[str, Any]:
    from lateen.schema import Schema  # noqa: PLC0415

    schema = Schema.of(binary)
    if out:
        import gzip  # noqa: PLC0415

        data = schema.descriptor_set
        Path(out).write_bytes(gzip.compress(data, mtime=0) if out.endswith(".gz") else data)
    return {"files": len(schema.descriptors.files), "messages": len(schema.descriptors.messages)}


def _print(answer: dict[str, Any], args: argparse.Namespace) -> None:
    if args.output != "text":
        print_data(answer, args.output)
    elif args.what == "schema":
        print(f"Envoy {answer['version']}: {answer['messages']} messages in {answer['files']} files ({answer['path']})")
    else:
        print(answer.get("version", answer["path"]))
