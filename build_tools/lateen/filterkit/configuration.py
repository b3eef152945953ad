"""What a filter's configuration becomes before the filter gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Files = Mapping[str, str | None]
"""The text of each file that a configuration names, by the name it gives it; None for one that cannot be read."""

MAX_FILE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a configuration, or with a file that it names.

    `path` leads to the value in the configuration; with a `file`, `file_path` leads on to the value in that file.
    `kind` is one of unreadable, document, ambiguous, limit and quota.
    """

    kind: str
    message: str
    path: tuple[str | int, ...] = ()
    file: str = ""
    file_path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the filter gets, and what is wrong with what it was made from; `value` has all that is right."""

    value: Any
    problems: tuple[Problem, ...] = ()


def read_files(names: list[str], folder: Path) -> dict[str, str | None]:
    """The named files, their names relative to `folder`."""
    return {name: _read(folder / name) for name in names}


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
