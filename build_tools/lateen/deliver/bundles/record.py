"""What a folder of bundles holds, kept beside them, so that a later run removes what it wrote and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from lateen.deliver.bundles.bundle import json_bytes
from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.bundles import BAD_RECORD
from lateen.identity import files

NAME = ".lateen"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one proxy by path with the SHA-256 of what was written, and when clusters of it were retired.

    Times are seconds since 1970.
    """

    files: dict[str, str] = field(default_factory=dict)
    retired: dict[str, float] = field(default_factory=dict)


def read(folder: Path) -> dict[str, Entry]:
    """The entries by proxy; none if nothing was written yet. Raises MeshError (LAT0823) on what is no such record."""
    path = folder / NAME
    try:
        content = orjson.loads(path.read_bytes())
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']}")
        return {key: _entry(given) for key, given in content["proxies"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        finding = BAD_RECORD.at(Origin(), path=path, reason=str(error) or type(error).__name__, hint=BAD_RECORD.fix)
        raise MeshError((finding,)) from error


def _entry(given: dict[str, Any]) -> Entry:
    """Raises ValueError for a file that is not below the folder: what is recorded may be removed."""
    for path in map(PurePosixPath, given["files"]):
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{path} is outside of the folder")
    return Entry(dict(given["files"]), {name: float(when) for name, when in given["retired"].items()})


def save(folder: Path, entries: dict[str, Entry]) -> None:
    """Keep the entries. Raises OSError."""
    proxies = {key: {"files": entry.files, "retired": entry.retired} for key, entry in sorted(entries.items())}
    files.write(folder / NAME, json_bytes({"version": _VERSION, "proxies": proxies}))
