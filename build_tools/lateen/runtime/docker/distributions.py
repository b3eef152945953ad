"""Distributions that are installed beside lateen, as files of a virtual environment in an image."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from lateen.diagnostics import Origin
from lateen.runtime.docker.recipe import not_built
from lateen.runtime.docker.rootfs import Rootfs

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
    """Each distribution once, those that a line names before those that they require."""
    queue = [(wanted, "", origin) for origin, wanted in _read(requirements)]
    given, asked = set[str](), set[tuple[str, str]]()
    while queue:
        wanted, extra, origin = queue.pop(0)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        found = _installed(wanted, origin)
        for option in {"", *wanted.extras}:
            if (found.name, option) not in asked:
                asked.add((found.name, option))
                queue += [(Requirement(text), option, origin) for text in found.requires or ()]
        if found.name not in given:
            given.add(found.name)
            yield found


def _read(requirements: Path) -> Iterator[tuple[Origin, Requirement]]:
    for number, line in enumerate(requirements.read_text("utf-8", "replace").splitlines(), 1):
        text = line.partition(" #")[0].strip()
        if text and text[0] != "#":
            origin = Origin(str(requirements), number, 1)
            try:
                yield origin, Requirement(text)
            except InvalidRequirement as error:
                reason = str(error).partition("\n")[0]
                raise not_built("app", f"{text!r} is not a requirement: {reason}", origin) from error


def _installed(wanted: Requirement, origin: Origin) -> Distribution:
    try:
        found = distribution(wanted.name)
    except PackageNotFoundError as error:
        raise not_built("app", f"{wanted} is not installed beside lateen", origin) from error
    if not wanted.specifier.contains(found.version, prereleases=True):
        raise not_built("app", f"{wanted} is not what is installed beside lateen: {found.version}", origin)
    source = json.loads(found.read_text("direct_url.json") or "{}")
    if found.files is None or source.get("dir_info", {}).get("editable"):
        raise not_built("app", f"{wanted} is installed beside lateen without a list of its files", origin)
    return found


def _script(command: EntryPoint, venv: str) -> bytes:
    name = command.attr.partition(".")[0]
    return (
        f"#!{venv}/bin/python3\nimport sys\n\nfrom {command.module} import {name}\n\nsys.exit({command.attr}())\n"
    ).encode()
