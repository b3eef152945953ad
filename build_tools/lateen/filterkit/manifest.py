"""`module.json`: of which source, and by which compiler, a committed module was built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lateen.filterkit.catalog import Filter

FILE = "module.json"
VERSION = 1

_WORKSPACE_FILES = ("Cargo.toml", "Cargo.lock")
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


def source_digest(suite: Filter) -> str:
    """The digest of everything that decides a module's bytes, the compiler aside: names and contents of files."""
    digest = hashlib.sha256()
    workspace = suite.directory.parent
    for path in sorted(_sources(suite)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(workspace).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(suite: Filter) -> Iterator[Path]:
    workspace = suite.directory.parent
    yield from (workspace / name for name in _WORKSPACE_FILES)
    for folder in (workspace / _SDK, suite.directory):
        yield folder / "Cargo.toml"
        yield from (folder / "src").rglob("*.rs")
