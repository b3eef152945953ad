"""A filter out of a registry, with what vouches for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import REFUSED
from lateen.filterkit.oci import sbom, signature
from lateen.filterkit.oci.content import Blob
from lateen.filterkit.oci.keys import PublicKey
from lateen.filterkit.oci.module import image_manifest, module_of
from lateen.filterkit.oci.package import LUA_ARTIFACT, LUA_LAYER
from lateen.filterkit.oci.reference import Reference
from lateen.filterkit.oci.registry import MAX_BLOB_BYTES, Registry

MAX_SBOM_BYTES = 16 << 20
_MAX_SBOMS = 64


@dataclass(frozen=True, slots=True)
class Pulled:
    """A filter's module or Lua source; `reference` has the digest of its image."""

    reference: Reference
    kind: str
    content: bytes


def fetch(
    registry: Registry, reference: Reference, key: PublicKey | None = None, limit: int = MAX_BLOB_BYTES
) -> Pulled:
    """The filter in an image; with `key` only if that has signed it, which is known before its content is asked for.

    Raises MeshError as `Registry`, LAT0636 if it is no filter, LAT0637 if it is not signed.
    """
    manifest, digests = image_manifest(registry, reference)
    found = reference.at(tag=reference.tag, digest=manifest.digest)
    if key:
        signature.verify(registry, found, key, digests)
    if lua := _lua_layer(manifest):
        return Pulled(found, "lua", registry.blob(lua, limit))
    return Pulled(found, "wasm", module_of(manifest, found, lambda digest: registry.blob(digest, limit), limit))


def fetch_sbom(registry: Registry, image: Reference, key: PublicKey | None = None) -> bytes | None:
    """The SBOM of an image that is named by its digest, with `key` the first that this has signed; None without one.

    Raises MeshError as `Registry`.
    """
    for entry in registry.referrers(image.digest)[:_MAX_SBOMS]:
        digest = str(entry.get("digest"))
        if entry.get("artifactType") == sbom.MEDIA_TYPE and (not key or signature.signed_by(registry, digest, key)):
            return _only_layer(registry, image.at(digest=digest))
    return None


def _only_layer(registry: Registry, image: Reference) -> bytes:
    manifest = registry.manifest(image.digest)
    try:
        layers: list[dict[str, Any]] = orjson.loads(manifest.content)["layers"] if manifest else []
        (digest,) = (str(layer["digest"]) for layer in layers)
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(image, "it is not one file") from error
    return registry.blob(digest, MAX_SBOM_BYTES)


def _lua_layer(manifest: Blob) -> str:
    """The digest of the source, if it is the image of a Lua filter."""
    try:
        fields: dict[str, Any] = orjson.loads(manifest.content)
        (layer,) = fields["layers"]
        lua = (fields["artifactType"], layer["mediaType"]) == (LUA_ARTIFACT, LUA_LAYER)
        return str(layer["digest"]) if lua else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _refused(image: Reference, reason: str) -> MeshError:
    return MeshError((REFUSED.at(Origin(), registry=image.registry, what=image, reason=reason),))
