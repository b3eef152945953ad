"""From a mesh and its lock to a lock that is up to date, by fetching what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

from lateen.analysis.modules import missing_secret
from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes.fetch import NOT_REACHED, WRONG_DIGEST
from lateen.fetch import file, http, image
from lateen.fetch.fetched import Fetched, FetchError
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.modules import Entry, Lock, Locked, fingerprint
from lateen.modules.locked import FILE_SCHEME, OCI_SCHEME, digest_of, pin
from lateen.modules.module import shown

_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one URL: `kind` is `fetched` (it was not locked), `updated`, `restored` (the cache lacked it),
    `kept`, `removed` (the mesh does not name it any more) or `failed`. `entry` is None where nothing is locked."""

    url: str
    kind: str
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The lock as it should be now, what changed (by URL), and what could not be had."""

    lock: Lock
    changes: tuple[Change, ...]
    findings: tuple[Diagnostic, ...]


def update(mesh: Mesh, locked: Locked, *, renew: bool = False, plain_http: Collection[str] = ()) -> Outcome:
    """Fetch every module that the mesh names and the lock or the cache lacks.

    What is locked stays what it is, but where the mesh asks for another digest, where the pull policy is Always, for
    files, and with `renew`. A URL that fails keeps its entry. Raises OSError if the cache cannot be written.
    """
    named = sorted((e for e in mesh.extensions if e.url and not e.suite_name), key=lambda e: (e.url, e.ref.origin))
    wanted = [_Wanted(url, tuple(group), mesh, locked) for url, group in groupby(named, key=lambda e: e.url)]
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        results = list(pool.map(lambda each: each.settle(renew=renew, plain_http=plain_http), wanted))
    changes = [change for change, _ in results]
    gone = sorted(locked.lock.entries.keys() - {change.url for change in changes})
    entries = {change.url: change.entry for change in changes if change.entry}
    findings = [finding for extension in named for finding in missing_secret(extension, mesh)]
    findings += (finding for _, found in results for finding in found)
    return Outcome(Lock(entries), (*changes, *(Change(url, "removed") for url in gone)), tuple(findings))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One URL, with the extensions that name it."""

    url: str
    extensions: Sequence[Extension]
    mesh: Mesh
    locked: Locked

    def settle(self, *, renew: bool, plain_http: Collection[str]) -> tuple[Change, tuple[Diagnostic, ...]]:
        """The entry that holds from now on, fetched if need be, and what was found."""
        known = self.locked.lock.entries.get(self.url)
        always = any(e.always_pull for e in self.extensions) and not pin(self.url)
        renew = renew or always or self.url.startswith(FILE_SCHEME)
        asked = self._other_than(known) if known else None
        if known and not (renew or asked) and self.locked.cache.holds(known.sha256) and self._signed(known):
            return Change(self.url, "kept", known), ()
        held = None if renew or asked else known
        try:
            fetched = self._fetch(held, plain_http)
        except (FetchError, MeshError) as error:
            return Change(self.url, "failed", known), tuple(self._findings(error))
        sha256 = hashlib.sha256(fetched.content).hexdigest()
        entry = Entry(sha256, len(fetched.content), fetched.image, self._fingerprints())
        if refused := self._refusal(entry, held):
            return Change(self.url, "failed", known), (refused,)
        self.locked.cache.put(fetched.content)
        if known is None:
            return Change(self.url, "fetched", entry), ()
        return Change(self.url, "updated" if entry != known else "restored" if held else "kept", entry), ()

    def _other_than(self, known: Entry) -> Extension | None:
        """An extension that asks for another digest than the one that is locked."""
        digest = digest_of(self.url, known)
        return next((e for e in self.extensions if (e.sha256 or pin(self.url) or digest) != digest), None)

    def _signed(self, known: Entry) -> bool:
        return set(self._fingerprints()) <= set(known.keys)

    def _fingerprints(self) -> tuple[str, ...]:
        return tuple(sorted({fingerprint(e.verification_key) for e in self.extensions if e.verification_key}))

    def _fetch(self, held: Entry | None, plain_http: Collection[str]) -> Fetched:
        if self.url.startswith(FILE_SCHEME):
            return file.read(self.url, self.locked.file(self.url))
        if not self.url.startswith(OCI_SCHEME):
            return http.download(self.url)
        known = held.keys if held else ()  # of that very image, whose index may not be asked for again
        wanted = dict.fromkeys(e.verification_key for e in self.extensions if e.verification_key)
        keys = [key for key in wanted if fingerprint(key) not in known]
        try:
            who = image.credentials(self.extensions, self.mesh)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            raise FetchError(NOT_REACHED, url=shown(self.url), reason=reason) from error
        return image.pull(self.url, who, keys, held.image if held else "", plain_http)

    def _refusal(self, entry: Entry, held: Entry | None) -> Diagnostic | None:
        """Why what was fetched is not taken: an extension asks for another digest, or the lock has one."""
        digest = digest_of(self.url, entry)
        for extension in self.extensions:
            if extension.sha256 and extension.sha256 != digest:
                where = extension.ref.at(extension.section, "sha256")
                return self._wrong(where, digest, extension.sha256, "the mesh asks for")
        if held and (other := digest_of(self.url, held)) != digest:
            return self._wrong(self._origins()[0], digest, other, "lateen.lock has")
        return None

    def _wrong(self, where: Origin, found: str, wanted: str, demands: str) -> Diagnostic:
        return WRONG_DIGEST.at(
            where, hint=WRONG_DIGEST.fix, url=shown(self.url), found=found, wanted=wanted, demands=demands
        )

    def _findings(self, error: FetchError | MeshError) -> Iterable[Diagnostic]:
        """What went wrong, at the line of the URL."""
        first, *others = self._origins()
        if isinstance(error, FetchError):
            related = tuple(others)
            yield error.code.at(first, related=related, hint=error.hint, **error.details)  # type: ignore[arg-type]
        else:
            yield from (replace(found, origin=first, related=tuple(others)) for found in error.diagnostics)

    def _origins(self) -> list[Origin]:
        return [extension.ref.at(extension.section, "url") for extension in self.extensions]
