"""The filters that a verb works on."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lateen.diagnostics import MeshError, Origin

if TYPE_CHECKING:
    from lateen.filterkit.catalog import Filter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, and the format."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: every filter of the suite")
    parser.add_argument(
        "-o", dest="output", choices=("text", "json", "yaml"), default="text", help="format (default text)"
    )


def chosen(names: Iterable[str]) -> list[Filter]:
    """The filters of those names, or all. Raises MeshError for a name that no filter has (LAT0601)."""
    from lateen.api.nearest import suggestion  # noqa: PLC0415
    from lateen.diagnostics.codes import filterkit as codes  # noqa: PLC0415
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    try:
        known = catalog()
    except ValueError as error:
        file, _, problem = str(error).partition(": ")
        raise MeshError((codes.BAD_DESCRIPTION.at(Origin(file), problem=problem),)) from error
    names = dict.fromkeys(names) or known
    unknown = [name for name in names if name not in known]
    if unknown:
        hint = f"there are {', '.join(known)}"
        raise MeshError(
            tuple(codes.UNKNOWN_FILTER.at(Origin(), name=n, hint=suggestion(n, known) or hint) for n in unknown)
        )
    return [known[name] for name in names]
