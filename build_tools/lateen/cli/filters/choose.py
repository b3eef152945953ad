"""The filters that a verb works on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.diagnostics import Diagnostic, MeshError, Origin, Severity

if TYPE_CHECKING:
    from lateen.filterkit.catalog import Filter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, and the format."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of the suite, or the folder of a filter (default: the whole suite)"
    )
    add_format(parser)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Which one filter."""
    parser.add_argument("name", metavar="NAME", help="of the suite, or the folder of a filter")


def add_format(parser: argparse.ArgumentParser) -> None:
    """The format."""
    parser.add_argument(
        "-o", dest="output", choices=("text", "json", "yaml"), default="text", help="format (default text)"
    )


def positive(text: str) -> int:
    """A number of things, of which there must be one at least. Raises as argparse expects it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def chosen(names: Iterable[str]) -> list[Filter]:
    """The filters of those names or in those folders, or the whole suite.

    What has a separator, or is no filter of the suite and a folder with a `filter.yaml`, is a folder. Raises MeshError
    for a name that no filter has (LAT0601) and for a description that breaks its schema (LAT0602) or is no YAML,
    OSError for a folder without one.
    """
    from lateen.api.nearest import suggestion  # noqa: PLC0415
    from lateen.diagnostics.codes import filterkit as codes  # noqa: PLC0415
    from lateen.filterkit.catalog import DescriptionError, catalog, read_filter  # noqa: PLC0415
    from lateen.filterkit.described import faults  # noqa: PLC0415

    names = list(dict.fromkeys(names))
    try:
        outside = {name: read_filter(Path(name).resolve()) for name in names if _is_path(name)}
        known = catalog() if len(outside) < len(names) or not names else {}
        others = [name for name in names if name not in outside and name not in known]
        outside |= {name: read_filter(Path(name).resolve()) for name in others if Path(name, "filter.yaml").exists()}
    except DescriptionError as error:
        raise MeshError(tuple(faults(error))) from error
    known = known | outside
    if unknown := [name for name in names if name not in known]:
        hint = f"there are {', '.join(known)}"
        raise MeshError(
            tuple(codes.UNKNOWN_FILTER.at(Origin(), name=n, hint=suggestion(n, known) or hint) for n in unknown)
        )
    return [known[name] for name in names or known]


def chosen_one(name: str) -> Filter:
    """The filter of that name or in that folder; raises as `chosen`."""
    (found,) = chosen([name])
    return found


def nothing_to(verb: str, suite: Filter, lacks: str, severity: Severity = Severity.INFO) -> Diagnostic:
    """A filter of whose kind a verb can do nothing (LAT0650), for those that were named: no file is at fault."""
    from lateen.diagnostics.codes.workbench import NOTHING_TO_DO  # noqa: PLC0415

    return NOTHING_TO_DO.at(Origin(), name=suite.name, verb=verb, kind=suite.kind, lacks=lacks, severity=severity)


def _is_path(name: str) -> bool:
    return os.sep in name or name in (os.curdir, os.pardir)
