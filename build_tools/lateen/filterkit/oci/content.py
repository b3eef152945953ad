"""Content that its digest names: blobs, the manifests that list them, and the JSON of both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes and what they are."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and the hex digest."""
        return digest_of(self.content)

    def descriptor(self, annotations: Mapping[str, str] | None = None, **more: str) -> dict[str, Any]:
        """What a manifest or an index says of it."""
        named = {"annotations": dict(annotations)} if annotations else {}
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content), **named, **more}


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest and the blobs that it lists."""

    manifest: Blob
    blobs: tuple[Blob, ...]

    @property
    def fields(self) -> dict[str, Any]:
        """The manifest as it is read."""
        fields: dict[str, Any] = orjson.loads(self.manifest.content)
        return fields

    @property
    def digest(self) -> str:
        """The digest of the manifest, which is the image's."""
        return self.manifest.digest


def image(fields: Mapping[str, Any], *blobs: Blob) -> Image:
    """The image of a manifest with these fields beside its schema version and media type, and its blobs."""
    manifest = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, **fields}
    return Image(Blob(IMAGE_MANIFEST, canonical(manifest)), blobs)


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no space: the same bytes for the same value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(content: bytes) -> str:
    """How OCI names content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
