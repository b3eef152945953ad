"""`lateen image envoy|init|app|list|rm`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.cli.output import print_data

if TYPE_CHECKING:
    from lateen.runtime.docker.images import Images

HELP = """Images that the docker runtime starts containers from, built from files of this machine.

envoy  the Envoy in use, with the libraries that it needs
init   nft and ip, for the container that redirects a workload's traffic
app    the Python application in DIR, with the interpreter that runs lateen and
       the installed packages that DIR/requirements.txt names
list   every image that lateen has built
rm     remove them, those aside that a container uses

`lateen up` builds what it needs by itself; an image that is there already is not built again. The engine is the one
that DOCKER_HOST names, else that of Docker's current context."""

_PARTS = ("envoy", "init", "app", "list", "rm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to build or do, and how to name and print it."""
    parser.add_argument("what", choices=_PARTS)
    parser.add_argument("directory", metavar="DIR", nargs="?", help="with app: the application's folder")
    parser.add_argument("--tag", metavar="NAME", help="with envoy, init, app: one more name for the image")
    parser.add_argument("--envoy", metavar="PATH", help="with envoy: default $LATEEN_ENVOY, else the installed one")
    parser.add_argument(
        "-o", dest="output", choices=("text", "json", "yaml"), default="text", help="with list: format (default text)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the name of the image that was asked for, or what there is; exit 0."""
    if (args.what == "app") != bool(args.directory):
        print(f"lateen image {args.what} takes {'a' if args.what == 'app' else 'no'} DIR", file=sys.stderr)
        return 2
    from lateen.runtime.docker.engine import connect  # noqa: PLC0415
    from lateen.runtime.docker.images import Images  # noqa: PLC0415

    images = Images(connect(), lambda line: print(line, file=sys.stderr))
    if args.what == "list":
        _list(images, args.output)
    elif args.what == "rm":
        _remove(images)
    else:
        name = _build(images, args)
        if args.tag:
            images.tag(name, args.tag)
        print(args.tag or name)
    return 0


def _build(images: Images, args: argparse.Namespace) -> str:
    if args.what == "init":
        return images.init()
    if args.what == "app":
        return images.application(Path(args.directory))
    from lateen.schema.binary import find_envoy  # noqa: PLC0415

    return images.envoy(find_envoy(args.envoy), own=True)


def _list(images: Images, style: str) -> None:
    rows = [(name, image) for image in images.built() for name in image.names or (image.id,)]
    if style != "text":
        rows_data = [{"name": name, "kind": image.kind, "id": image.id, "size": image.size} for name, image in rows]
        print_data({"version": 1, "images": rows_data}, style)
        return
    width = max((len(name) for name, _ in rows), default=0)
    for name, image in rows:
        print(f"{name:<{width}}  {image.kind:<6}  {image.size / 1e6:6.1f} MB")


def _remove(images: Images) -> None:
    for image in images.built():
        problem = images.remove(image)
        for name in image.names or (image.id,):
            print(f"{name}: removed" if problem is None else f"{name}: kept ({problem})")
