"""A Wasm module by its content."""

from __future__ import annotations

import errno
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lateen.filterkit.module import BrokenModuleError, read_module

MAGIC = b"\0asm\1\0\0\0"
"""How a Wasm module of the one binary version begins."""

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Module:
    """A module: `sha256` (hex) says which bytes it is, `name` is for people, `path` has the bytes on this machine.

    `path` takes no part in equality and never reaches Envoy.
    """

    name: str
    sha256: str
    path: Path = field(compare=False, repr=False)

    @property
    def file_name(self) -> str:
        """The file name under which the module is deployed: its content decides it."""
        return f"{self.name}-{self.sha256[:12]}.wasm"

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it may do at most, by what it imports and exports; nothing is known of one that no host could load."""
        return _capabilities(self.sha256, self.path)

    def content(self) -> bytes:
        """The bytes. Raises OSError if they cannot be read or are no longer those that the digest names."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise OSError(errno.EIO, f"is not the module with the digest sha256:{self.sha256}", str(self.path))
        return content


@cache
def _capabilities(_sha256: str, path: Path) -> tuple[str, ...]:
    try:
        return read_module(path.read_bytes()).capabilities
    except (OSError, BrokenModuleError):
        return ()


def module_name(url: str) -> str:
    """What the file of a URL's module is called: the last part of its path without tag, digest and suffix."""
    path = re.split(r"[?#@]", url.partition("://")[2], maxsplit=1)[0]
    last = path.rstrip("/").rpartition("/")[2].partition(":")[0]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", last).removesuffix(".wasm").strip(".-")
    return name[:_LONGEST_NAME] or "module"


def shown(url: str) -> str:
    """The URL as messages have it: what follows the path may be a token."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
