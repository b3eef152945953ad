"""Distributions that are installed beside lateen, as files of a virtual environment in an image."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.runtime.docker.recipe import not_built
from lateen.runtime.docker.rootfs import Rootfs

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OF_THIS_MACHINE = frozenset(("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"))


def install(requirements: Path, venv: str) -> Rootfs:
    """What `pip install -r requirements` would put into a virtual environment at `venv`: modules and commands.

    Nothing is fetched: each distribution, and each that it requires, is copied as it is installed here.
    Raises MeshError (LAT0735) for a line that is not a requirement, and for one that what is installed does not meet.
    """
    rootfs = Rootfs()
    site = f"{venv}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for found in _closure(requirements):
        for file in found.files or ():
            if ".." in file.parts or "__pycache__" in file.parts or file.name in _OF_THIS_MACHINE:
                continue
            rootfs.add_file(Path(str(file.locate())), f"{site}/{file.as_posix()}")
        for command in found.entry_points:
            if command.group == "console_scripts":
                rootfs.add_bytes(f"{venv}/bin/{command.name}", _script(command, venv), program=True)
    return rootfs


def _closure(requirements: Path) -> Iterator[Distribution]:
    queue = [(wanted, "", f"{requirements}:{line}") for line, wanted in _read(requirements)]
    seen = set()
    while queue:
        wanted, extra, place = queue.pop(0)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        found = _installed(wanted, place)
        for asked in {"", *wanted.extras}:
            if (found.name, asked) not in seen:
                seen.add((found.name, asked))
                queue += [(needed, asked, found.name) for needed in _requirements(found)]
        yield found


def _read(requirements: Path) -> Iterator[tuple[int, Requirement]]:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    for number, line in enumerate(requirements.read_text().splitlines(), 1):
        text = line.partition(" #")[0].strip()
        if text and text[0] != "#":
            try:
                yield number, Requirement(text)
            except InvalidRequirement as error:
                what = str(error).partition("\n")[0]
                raise not_built("app", f"{requirements}:{number}: {text!r} is not a requirement: {what}") from error


def _requirements(found: Distribution) -> list[Requirement]:
    from packaging.requirements import Requirement  # noqa: PLC0415

    return [Requirement(text) for text in found.requires or ()]


def _installed(wanted: Requirement, place: str) -> Distribution:
    try:
        found = distribution(wanted.name)
    except PackageNotFoundError as error:
        raise not_built("app", f"{place} requires {wanted}, which is not installed beside lateen") from error
    if not wanted.specifier.contains(found.version, prereleases=True):
        raise not_built("app", f"{place} requires {wanted}, and {found.version} is installed beside lateen")
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if found.files is None or origin.get("dir_info", {}).get("editable"):
        raise not_built("app", f"{place} requires {wanted}, whose installation beside lateen does not list its files")
    return found


def _script(command: EntryPoint, venv: str) -> bytes:
    name = command.attr.partition(".")[0]
    return (
        f"#!{venv}/bin/python3\nimport sys\n\nfrom {command.module} import {name}\n\nsys.exit({command.attr}())\n"
    ).encode()
