"""Bundles into a folder that Envoys may be reading.

Everything is written beside its place first, so that a full disk changes nothing; then files take their places by
rename, clusters before the listeners that route to them, and at last what belongs to no proxy any more is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from lateen.deliver.bundles import record
from lateen.deliver.bundles.bundle import Bundle, File, Role
from lateen.deliver.bundles.record import Entry
from lateen.deliver.bundles.retire import retire
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.bundles import KEPT, RESTART_NEEDED
from lateen.identity import files

SETTLE_SECONDS = 1.0
"""How long an Envoy has for new clusters before listeners that route to them; files know no acknowledgement."""


def write(bundles: Mapping[str, Bundle], folder: Path, *, complete: bool) -> list[Diagnostic]:
    """Make the bundles of these proxies, by key, what `folder` holds of them.

    With `complete` they are all proxies of the mesh: files of others are removed, if lateen wrote them and nobody
    changed them since. Files that are right already are not touched. Raises OSError, and MeshError (LAT0823).
    """
    entries = record.read(folder)
    kept = {} if complete else {key: entry for key, entry in entries.items() if key not in bundles}
    planned: dict[str, File] = {}
    for key, bundle in bundles.items():
        placed, retired = _with_retired(bundle, folder, entries.get(key, Entry()).retired)
        planned |= {file.path: file for file in placed}
        kept[key] = Entry({file.path: hashlib.sha256(file.content).hexdigest() for file in placed}, retired)
    findings = place(planned.values(), folder)
    gone = {path: digest for entry in entries.values() for path, digest in entry.files.items()}
    for path in {path for entry in kept.values() for path in entry.files}:
        gone.pop(path, None)
    findings += _remove(gone, folder)
    record.save(folder, kept)
    return findings


def _with_retired(bundle: Bundle, folder: Path, retired: dict[str, float]) -> tuple[list[File], dict[str, float]]:
    placed: list[File] = []
    since: dict[str, float] = {}
    for file in bundle.files:
        if file.role is Role.CLUSTERS:
            kept, since = retire(file, _content(folder / file.path), retired, time.time())
            placed.append(kept)
        else:
            placed.append(file)
    return placed, since


def place(planned: Iterable[File], folder: Path) -> list[Diagnostic]:
    """Stage all, then rename in the order of roles. Files that are right already are not touched. Raises OSError."""
    changed = [file for file in planned if not _holds(folder, file)]
    ordered = sorted(changed, key=lambda file: list(Role).index(file.role))
    live = [file for file in ordered if (folder / file.path).exists()]
    settle = {Role.CLUSTERS, Role.AFTER} <= {file.role for file in live}
    parts: list[Path] = []
    made: list[Path] = []
    try:
        for file in ordered:
            path = folder / file.path
            made += (parent for parent in reversed(path.parents) if not parent.exists())
            parts.append(files.stage(path, file.content, file.mode))
        for part, file in zip(parts, ordered, strict=True):
            if settle and file.role is Role.AFTER:
                time.sleep(SETTLE_SECONDS)
                settle = False
            part.replace(folder / file.path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
        for parent in reversed(made):
            with contextlib.suppress(OSError):  # it holds something: all went well, or somebody else was quick
                parent.rmdir()
    return [RESTART_NEEDED.at(Origin(), path=folder / file.path) for file in live if file.role is Role.BOOTSTRAP]


def _remove(gone: dict[str, str], folder: Path) -> list[Diagnostic]:
    """Remove files that still are what was written, and folders that are empty then."""
    findings = []
    for path, digest in sorted(gone.items()):
        content = _content(folder / path)
        if content is None:
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            findings.append(KEPT.at(Origin(), path=folder / path))
            continue
        (folder / path).unlink()
        for parent in (folder / path).parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    return findings


def _holds(folder: Path, file: File) -> bool:
    path = folder / file.path
    return _content(path) == file.content and path.stat().st_mode & 0o777 == file.mode


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
