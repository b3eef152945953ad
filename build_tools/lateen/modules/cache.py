"""Modules that were fetched, by the digest of their content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path


def default_folder() -> Path:
    """`lateen` in `$XDG_CACHE_HOME`, which is `~/.cache` when it is not set or not absolute (XDG base directories)."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "lateen"


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of modules. What is in it is checked whenever it is read: anybody may have changed it."""

    folder: Path = field(default_factory=default_folder)

    def path(self, sha256: str) -> Path:
        """Where the module with that digest is, or would be."""
        return self.folder / path_of(sha256)

    def holds(self, sha256: str) -> bool:
        """Whether the module is there, with exactly that content."""
        try:
            return hashlib.sha256(self.path(sha256).read_bytes()).hexdigest() == sha256
        except OSError:
            return False

    def put(self, content: bytes) -> str:
        """Keep a module and return its digest. Raises OSError; a reader sees all of it or nothing."""
        from lateen.identity import files  # noqa: PLC0415 - with it comes cryptography, which no compile needs

        sha256 = hashlib.sha256(content).hexdigest()
        if not self.holds(sha256):
            files.write(self.path(sha256), content)
        return sha256


def path_of(sha256: str) -> str:
    """The path of a module relative to the cache, as `lateen.lock` says it."""
    return f"sha256/{sha256}.wasm"
