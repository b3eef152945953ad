"""`lateen fetch DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.cli.options import add_mesh_options, load_mesh, mesh_sources
from lateen.cli.output import print_data, report

if TYPE_CHECKING:
    from lateen.fetch import Change

HELP = """Fetch the Wasm modules that a mesh names by URL (oci, http, https, file), for all commands that compile it.

Which bytes stand for each URL goes into lateen.lock beside the mesh (the first DIR), which belongs into version
control; the modules go into a cache by their digest. What is locked stays what it is: another digest under the same URL
is an error, unless the mesh names that digest, or the pull policy is Always. A module that fails leaves lock and cache
as they were; the others are fetched all the same.

Registries are asked with the imagePullSecret that the mesh has as a Secret, else with the Docker configuration; web
servers with ~/.netrc."""

_SHOWN = ("fetched", "updated", "restored", "removed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, and what to do with what is locked already."""
    add_mesh_options(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="ask nobody, write nothing; exit 1 unless the lock fits")
    how.add_argument("--update", action="store_true", help="fetch everything anew and lock what comes")
    parser.add_argument(
        "--plain-http",
        metavar="HOST[:PORT]",
        action="append",
        default=[],
        help="a registry that speaks plain HTTP (those of this machine always may)",
    )


def run(args: argparse.Namespace) -> int:
    """Bring lock and cache up to date and print what changed; exit 1 if something could not be had."""
    from lateen.fetch import stale, update  # noqa: PLC0415
    from lateen.identity import files  # noqa: PLC0415
    from lateen.modules import Lock, Locked, lock_path  # noqa: PLC0415

    sources = mesh_sources(args)
    if "-" in sources:
        print("lateen fetch: the lock stands beside the files of DIR, which standard input is not", file=sys.stderr)
        return 2
    mesh = load_mesh(args)
    path = lock_path(Path(sources[0]))
    if args.check:
        return report(stale(mesh, Lock.read(path)[0], path), args)
    locked, _ = Locked.beside(map(Path, sources), Path(args.cache) if args.cache else None)
    outcome = update(mesh, locked, renew=args.update, plain_http=args.plain_http)
    if (content := outcome.lock.content()) != _content(path) and (outcome.lock.entries or path.exists()):
        files.write(path, content)
    if args.output in ("json", "yaml"):
        print_data({"version": 1, "lock": str(path), "modules": [_plain(c) for c in outcome.changes]}, args.output)
    else:
        _print(outcome.changes, path)
    return report(outcome.findings, args)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _print(changes: tuple[Change, ...], path: Path) -> None:
    from lateen.modules.module import shown  # noqa: PLC0415

    for change in changes:
        if change.kind in _SHOWN:
            what = f" sha256:{change.entry.sha256} ({change.entry.size} bytes)" if change.entry else ""
            print(f"{change.kind:<8} {shown(change.url)}{what}")
    if not any(change.kind in (*_SHOWN, "failed") for change in changes):
        print(f"{path}: up to date")


def _plain(change: Change) -> dict[str, Any]:
    return {"url": change.url, "change": change.kind, **(change.entry.plain() if change.entry else {})}
