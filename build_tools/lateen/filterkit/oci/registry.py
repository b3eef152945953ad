"""The distribution protocol on one repository: manifests and blobs in and out, every one held against its digest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import WRONG_DIGEST
from lateen.filterkit.oci.connection import Connection
from lateen.filterkit.oci.content import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    Blob,
    digest_of,
)
from lateen.filterkit.oci.credentials import Credentials
from lateen.filterkit.oci.reference import Reference, is_digest, is_tag

MAX_MANIFEST_BYTES = 4 << 20
"""What registries take at most."""

MAX_BLOB_BYTES = 256 << 20
"""The default limit of a module, as Istio's ISTIO_WASM_MAX_BINARY_SIZE_BYTES."""

_MANIFESTS = ", ".join((IMAGE_MANIFEST, DOCKER_MANIFEST, IMAGE_INDEX, DOCKER_LIST))


class Registry:
    """The repository of an image. Every method raises MeshError as `Connection.ask`, and LAT0633 and LAT0634.

    With `push` a token is asked for that allows writing. `mount_from` is another repository of the registry, from
    which blobs are taken over if it has them.
    """

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials,
        *,
        push: bool = False,
        mount_from: str = "",
        plain_http: bool = False,
    ) -> None:
        scopes = [f"repository:{reference.repository}:{'pull,push' if push else 'pull'}"]
        if mount_from:
            scopes.append(f"repository:{mount_from}:pull")
        self._mount_from = mount_from
        self._reference = reference
        self._connection = Connection(reference, credentials, tuple(scopes), plain_http=plain_http)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *details: object) -> None:
        self._connection.__exit__(*details)

    def manifest(self, identifier: str) -> Blob | None:
        """The manifest of a tag or digest, or None if there is none."""
        what = self._named(identifier)
        self._check(identifier)
        answer = self._connection.ask(
            "GET", f"manifests/{identifier}", what=what, limit=MAX_MANIFEST_BYTES, headers={"Accept": _MANIFESTS}
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._connection.refused(answer, what)
        promised = identifier if is_digest(identifier) else answer.headers.get("Docker-Content-Digest", "")
        if is_digest(promised):
            _hold(answer.content, promised, what)
        return Blob(answer.headers.get("Content-Type", "").partition(";")[0].strip(), answer.content)

    def blob(self, digest: str, limit: int = MAX_BLOB_BYTES) -> bytes:
        """The content of that digest, at most `limit` bytes."""
        what = self._named(digest)
        self._check(digest)
        answer = self._connection.ask("GET", f"blobs/{digest}", what=what, limit=limit)
        if answer.status != 200:
            raise self._connection.refused(answer, what)
        _hold(answer.content, digest, what)
        return answer.content

    def put_blob(self, blob: Blob) -> None:
        """Upload it, unless the repository has it or can take it over from `mount_from`."""
        what = self._named(blob.digest)
        if self._connection.ask("HEAD", f"blobs/{blob.digest}", what=what).status == 200:
            return
        mount = {"mount": blob.digest, "from": self._mount_from} if self._mount_from else {}
        started = self._connection.ask("POST", f"blobs/uploads/?{urlencode(mount)}", what=what, content=b"")
        if started.status == 201:
            return
        location = started.headers.get("Location", "")
        if started.status != 202 or not location:
            raise self._connection.refused(started, what)
        target = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': blob.digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        done = self._connection.ask("PUT", target, what=what, headers=headers, content=blob.content)
        if done.status != 201:
            raise self._connection.refused(done, what)

    def put_manifest(self, manifest: Blob, tag: str = "") -> bool:
        """Upload a manifest, and let `tag` stand for it; says whether the registry lists it with its subject."""
        what = self._named(tag or manifest.digest)
        headers = {"Content-Type": manifest.media_type}
        path = f"manifests/{tag or manifest.digest}"
        answer = self._connection.ask("PUT", path, what=what, headers=headers, content=manifest.content)
        if answer.status != 201:
            raise self._connection.refused(answer, what)
        return "OCI-Subject" in answer.headers

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """The descriptors of what tells something about that image.

        From the referrers API of OCI 1.1, else from the tag that stands for it in registries without that API.
        """
        what = self._named(f"{digest} (referrers)")
        answer = self._connection.ask("GET", f"referrers/{digest}", what=what, limit=MAX_MANIFEST_BYTES)
        if answer.status == 200:
            return self._listed(answer.content, what)
        if answer.status >= 500:
            raise self._connection.refused(answer, what)
        index = self.manifest(fallback_tag(digest))
        return self._listed(index.content, what) if index else []

    def _listed(self, content: bytes, what: str) -> list[dict[str, Any]]:
        try:
            fields = orjson.loads(content)
            if fields["mediaType"] == IMAGE_INDEX:
                return [dict(entry) for entry in fields["manifests"]]
        except (ValueError, KeyError, TypeError):
            pass
        raise self._connection.broken("it is no image index", what)

    def _check(self, identifier: str) -> None:
        """An identifier may come from a manifest, and goes into a path."""
        if not (is_digest(identifier) or is_tag(identifier)):
            raise self._connection.broken("it is named by no SHA-256 digest", self._named(repr(identifier)))

    def _named(self, identifier: str) -> str:
        return f"{self._reference.at()}{'@' if identifier.startswith('sha256:') else ':'}{identifier}"


def fallback_tag(digest: str) -> str:
    """The tag under which referrers are listed where the registry does not do it."""
    return digest.replace(":", "-", 1)


def _hold(content: bytes, digest: str, what: str) -> None:
    actual = digest_of(content)
    if actual != digest:
        raise MeshError((WRONG_DIGEST.at(Origin(what), what=what, actual=actual, expected=digest),))
