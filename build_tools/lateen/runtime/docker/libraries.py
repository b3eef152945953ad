"""Which shared libraries a program needs on this machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_FOUND = re.compile(r"^\s+(?:\S+ => )?(?P<path>/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_MISSING = re.compile(r"^\s+(?P<name>\S+) => not found$", re.MULTILINE)
_NAMES = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
_SECONDS = 60


def libraries(*binaries: Path) -> tuple[Path, ...]:
    """The libraries that the dynamic loader would map for `binaries`, itself among them; none for a static program.

    The loader itself is asked (`ldd`), which runs code of the binaries: name only those that would be run anyway.
    Raises OSError (FileNotFoundError for a library) if one cannot be found or the loader cannot be asked.
    """
    if not binaries:
        return ()
    answer = subprocess.run(
        ["ldd", *map(str, binaries)],  # noqa: S607 - part of the C library
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,  # it fails for a static program, which needs nothing
        env={**os.environ, "LC_ALL": "C"},
    )
    return parse(answer.stdout)


def parse(text: str) -> tuple[Path, ...]:
    """The libraries that the output of `ldd` names. Raises FileNotFoundError for one that was not found."""
    if missing := _MISSING.search(text):
        raise FileNotFoundError(2, "library not found", missing["name"])
    return tuple(sorted({Path(os.path.normpath(match["path"])) for match in _FOUND.finditer(text)}))


def name_services(found: Iterable[Path]) -> tuple[Path, ...]:
    """What the C library among `found` loads to resolve names, which no program names; nothing where it is built in."""
    folders = {library.parent for library in found if library.name.startswith("libc.so")}
    return tuple(sorted(file for folder in folders for name in _NAMES if (file := folder / name).exists()))
