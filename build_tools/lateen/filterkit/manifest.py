"""`module.json`: of which source, and by which compiler, a committed module was built."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lateen.filterkit.catalog import Filter

FILE = "module.json"
VERSION = 1

_WORKSPACE_FILES = ("Cargo.toml", "Cargo.lock", ".cargo/config.toml")
_SDK = "sdk"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a built module. Digests are SHA-256 in hex; `source` is that of `source_digest`."""

    sha256: str
    size: int
    source: str
    toolchain: str
    target: str


def read(suite: Filter) -> Manifest | None:
    """The manifest beside a filter's module, or None if there is none that can be read."""
    try:
        fields = json.loads((suite.directory / FILE).read_text())
        return Manifest(**fields) if fields.pop("version", None) == VERSION else None
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None


def write(suite: Filter, manifest: Manifest) -> None:
    """Write it beside the module."""
    fields = {"version": VERSION, **asdict(manifest)}
    (suite.directory / FILE).write_text(json.dumps(fields, indent=2) + "\n")


def staleness(suite: Filter) -> str:
    """Why a filter's module does not fit its source, or an empty text if it does."""
    manifest = read(suite)
    if manifest is None:
        return f"it has no {FILE}"
    try:
        module = suite.module()
    except FileNotFoundError:
        return "it has not been built"
    if hashlib.sha256(module).hexdigest() != manifest.sha256:
        return f"its bytes are not those that {FILE} names"
    if source_digest(suite) != manifest.source:
        return "the source has changed since it was built"
    return ""


def workspace(suite: Filter) -> Path:
    """The folder of the Cargo workspace: the filter's own, or the one around it, as in the suite."""
    own = _cargo(suite.directory)
    return suite.directory if "workspace" in own else suite.directory.parent


def source_digest(suite: Filter) -> str:
    """The digest of everything that decides a module's bytes, the compiler aside: names and contents of files."""
    digest = hashlib.sha256()
    root = workspace(suite)
    for path in sorted(set(_sources(suite, root))):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(suite: Filter, root: Path) -> Iterator[Path]:
    yield from (path for name in _WORKSPACE_FILES if (path := root / name).exists())
    for folder in (root / _SDK, suite.directory):
        yield folder / "Cargo.toml"
        yield from (path for path in (folder / "src").rglob("*") if path.is_file())


def _cargo(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "Cargo.toml").read_text())
    except (FileNotFoundError, tomllib.TOMLDecodeError):  # cargo says it better
        return {}
