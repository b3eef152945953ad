"""`lateen.lock`: which bytes stand for each URL from which a mesh loads a module."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.fetch import BAD_LOCK
from lateen.modules.cache import path_of
from lateen.modules.module import shown

FILE = "lateen.lock"
VERSION = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A module: the SHA-256 of its content, its size in bytes, and for an image the digest of the manifest (`image`).

    `keys` are the fingerprints of those that are known to have signed the image.
    """

    sha256: str
    size: int
    image: str = ""
    keys: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The entry as the file says it; `path` is relative to the cache."""
        fields: dict[str, Any] = {"sha256": self.sha256, "size": self.size, "path": path_of(self.sha256)}
        if self.image:
            fields["image"] = self.image
        if self.keys:
            fields["keys"] = list(self.keys)
        return fields


@dataclass(frozen=True, slots=True)
class Lock:
    """The entries by URL."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def content(self) -> bytes:
        """The file: sorted, so that equal locks have equal bytes."""
        value = {"version": VERSION, "entries": {url: entry.plain() for url, entry in self.entries.items()}}
        return f"{json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode()

    @staticmethod
    def read(path: Path) -> tuple[Lock, tuple[Diagnostic, ...]]:
        """The lock in a file, empty if there is no such file, and why it is none (LAT0640).

        Raises OSError if the file cannot be read.
        """
        try:
            return Lock(_entries(json.loads(path.read_bytes(), object_pairs_hook=_unique))), ()
        except (FileNotFoundError, NotADirectoryError):
            return Lock(), ()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            return Lock(), (BAD_LOCK.at(Origin(str(path)), reason=reason, hint=BAD_LOCK.fix),)


def lock_path(source: Path) -> Path:
    """The lock beside a file or folder of a mesh."""
    return (source if source.is_dir() else source.parent) / FILE


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping as JSON has it. Raises ValueError if it has a key twice, as after a merge: neither entry is the one."""
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{shown(next(key for key in keys if keys.count(key) > 1))} stands in it twice")
    return value


def _entries(value: Any) -> dict[str, Entry]:
    """Raises ValueError, TypeError, KeyError or AttributeError on what is no lock."""
    if value["version"] != VERSION:
        raise ValueError(f"its version is {value['version']}, not {VERSION}")
    return {url: _entry(url, given) for url, given in value["entries"].items()}


def _entry(url: str, given: Any) -> Entry:
    entry = Entry(given["sha256"], given["size"], given.get("image", ""), tuple(given.get("keys", ())))
    digests = [entry.sha256, *entry.keys, *([entry.image.removeprefix("sha256:")] if entry.image else ())]
    if not all(map(_SHA256.fullmatch, digests)):
        raise ValueError(f"the digest of {shown(url)} is no SHA-256")
    if not isinstance(entry.size, int) or given["path"] != path_of(entry.sha256):
        raise ValueError(f"size or path of {shown(url)} does not fit")
    return entry
