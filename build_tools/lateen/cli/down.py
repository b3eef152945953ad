"""`lateen down`."""

from __future__ import annotations

import argparse

HELP = "End runs of `lateen up`, and remove what crashed ones left."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs."""
    parser.add_argument("directory", metavar="DIR", nargs="?", help="only runs of this mesh (default: all)")
    parser.add_argument("--state-dir", metavar="PATH", help="where runs keep their files (default: the user's own)")


def run(args: argparse.Namespace) -> int:
    """End them; exit 0, also when there is none."""
    from pathlib import Path  # noqa: PLC0415

    from lateen.cli.examples import meant  # noqa: PLC0415
    from lateen.runtime.leftovers import end_orphans, end_runs  # noqa: PLC0415

    base = Path(args.state_dir).absolute() if args.state_dir else None
    directory = meant(args.directory).absolute() if args.directory else None
    ended = 0
    for one in end_runs(base, directory):
        ended += 1
        print(f"{one.id}: {'ended' if one.alive else 'cleaned up'}" + (f" ({one.directory})" if one.directory else ""))
    for name in () if directory else end_orphans():
        ended += 1
        print(f"{name}: cleaned up (containers)")
    if not ended:
        print("nothing runs")
    return 0
