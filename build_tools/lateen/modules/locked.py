"""From the URL of a module to its bytes on this machine, by the lock and the cache alone: nothing is fetched here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lateen.diagnostics import Code, Diagnostic
from lateen.diagnostics.codes import extensions as codes
from lateen.modules.cache import Cache
from lateen.modules.lock import Entry, Lock, lock_path
from lateen.modules.module import Module, module_name, shown

FILE_SCHEME = "file://"
OCI_SCHEME = "oci://"


class Unavailable(NamedTuple):
    """Why there are no bytes that may be used: a code with what its message needs, about `url` or `sha256`."""

    code: Code
    args: Mapping[str, Any]
    field: str = "url"
    hint: str = "lateen fetch DIR"


@dataclass(frozen=True, slots=True)
class Locked:
    """The locks beside the sources of a mesh, and the cache that they point into.

    Of a URL in several locks the first counts. `folder` is where relative `file://` URLs start: the first source's.
    """

    lock: Lock = Lock()
    cache: Cache = field(default_factory=Cache)
    folder: Path = Path()

    @staticmethod
    def beside(sources: Iterable[Path], cache: Path | None = None) -> tuple[Locked, tuple[Diagnostic, ...]]:
        """The locks beside these files and folders, and what is wrong with them. Raises OSError."""
        paths = list(dict.fromkeys(lock_path(source) for source in sources))
        entries: dict[str, Entry] = {}
        findings: tuple[Diagnostic, ...] = ()
        for path in paths:
            lock, found = Lock.read(path)
            entries = {**lock.entries, **entries}
            findings += found
        place = paths[0].parent if paths else Path()
        return Locked(Lock(entries), Cache(cache) if cache else Cache(), place), findings

    def find(self, url: str, sha256: str, key: str = "") -> Module | Unavailable:
        """The module of a URL, held against the digest and the key (PEM) that the mesh demands; both may be empty."""
        pinned = pin(url)
        if pinned and sha256 and pinned != sha256:
            return Unavailable(codes.TWO_DIGESTS, {"given": sha256, "pinned": pinned}, "sha256", hint="")
        entry = self.lock.entries.get(url)
        if entry is None:
            return Unavailable(codes.NOT_FETCHED, {"url": shown(url)})
        if refused := _refused(url, sha256, key, entry):
            return refused
        if url.startswith(FILE_SCHEME) and self._changed(url, entry):
            return Unavailable(codes.FILE_CHANGED, {"url": url})
        if not self.cache.holds(entry.sha256):
            return Unavailable(codes.NOT_CACHED, {"url": shown(url), "sha256": entry.sha256})
        return Module(module_name(url), entry.sha256, self.cache.path(entry.sha256))

    def file(self, url: str) -> Path:
        """The file of a `file://` URL."""
        return self.folder / url.removeprefix(FILE_SCHEME)

    def _changed(self, url: str, entry: Entry) -> bool:
        """Whether the file has another content by now. One that is gone has been fetched while it was there."""
        try:
            return hashlib.sha256(self.file(url).read_bytes()).hexdigest() != entry.sha256
        except OSError:
            return False


def _refused(url: str, sha256: str, key: str, entry: Entry) -> Unavailable | None:
    """Why what is locked is not what the mesh demands."""
    wanted, known = sha256 or pin(url), digest_of(url, entry)
    if wanted and wanted != known:
        args = {"url": shown(url), "wanted": wanted, "locked": known}
        return Unavailable(codes.OTHER_DIGEST, args, "sha256" if sha256 else "url")
    if key and fingerprint(key) not in entry.keys:
        return Unavailable(codes.NOT_VERIFIED, {"url": shown(url)}, "verificationKey")
    return None


def digest_of(url: str, entry: Entry) -> str:
    """The digest that Istio's `sha256` is held against, in hex: of an image that of its manifest, else the module's."""
    return entry.image.removeprefix("sha256:") if url.startswith(OCI_SCHEME) else entry.sha256


def fingerprint(key: str) -> str:
    """What the lock calls a public key (PEM)."""
    return hashlib.sha256(key.strip().encode()).hexdigest()


def pin(url: str) -> str:
    """The digest that an OCI reference names itself (`@sha256:...`), in hex; empty for a tag and for other URLs."""
    return url.rpartition("@sha256:")[2] if url.startswith(OCI_SCHEME) and "@sha256:" in url else ""
