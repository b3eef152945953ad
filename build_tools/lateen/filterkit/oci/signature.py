"""Signatures of images as cosign keeps them: a payload that names the digest, beside the image under a tag of its own.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md. There is no transparency log: the key is all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any

import orjson

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import NOT_SIGNED
from lateen.filterkit.oci.content import Blob, canonical, image
from lateen.filterkit.oci.keys import PrivateKey, PublicKey
from lateen.filterkit.oci.reference import Reference
from lateen.filterkit.oci.registry import Registry, fallback_tag

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"

_TYPE = "cosign container image signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MAX_SIGNATURES = 64
_MAX_PAYLOAD_BYTES = 65_536


def sign(registry: Registry, reference: Reference, digest: str, key: PrivateKey) -> None:
    """Add a signature of the image of that digest to those that it has, unless this key has signed it already."""
    if signed_by(registry, digest, key.public):
        return
    layers = _layers(registry, digest)
    payload = Blob(PAYLOAD, canonical(_claim(reference, digest)))
    signature = base64.b64encode(key.sign(payload.content)).decode()
    layers.append(payload.descriptor({ANNOTATION: signature}))
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config = Blob(_CONFIG, canonical({"architecture": "", "os": "", "config": {}, "rootfs": rootfs}))
    signed = image({"config": config.descriptor(), "layers": layers}, config, payload)
    for blob in signed.blobs:
        registry.put_blob(blob)
    registry.put_manifest(signed.manifest, signature_tag(digest))


def verify(registry: Registry, image: Reference, key: PublicKey, digests: Collection[str]) -> None:
    """Raises MeshError (LAT0637) unless this key has signed the image, by one of the digests that stand for it.

    Of an image in an index cosign signs the index, unless it is told to sign all (`--recursive`).
    """
    if not any(signed_by(registry, digest, key) for digest in digests):
        others = any(_layers(registry, digest) for digest in digests)
        reason = "none of its signatures is by this key" if others else "it has no signature"
        hint = NOT_SIGNED.fix
        raise MeshError((NOT_SIGNED.at(Origin(str(image)), image=image, key=key.name, reason=reason, hint=hint),))


def signed_by(registry: Registry, digest: str, key: PublicKey) -> bool:
    """Whether this key has signed the image of that digest."""
    return any(_holds(registry, layer, digest, key) for layer in _layers(registry, digest)[:_MAX_SIGNATURES])


def signature_tag(digest: str) -> str:
    """The tag of an image's signatures."""
    return f"{fallback_tag(digest)}.sig"


def _layers(registry: Registry, digest: str) -> list[dict[str, Any]]:
    """The signatures of an image as they are listed; nothing in them is checked."""
    manifest = registry.manifest(signature_tag(digest))
    try:
        fields = orjson.loads(manifest.content) if manifest else {}
        return [dict(layer) for layer in fields.get("layers", ())]
    except (ValueError, TypeError, AttributeError):
        return []


def _holds(registry: Registry, layer: dict[str, Any], digest: str, key: PublicKey) -> bool:
    """Whether one of them is a signature by the key, of a claim on the digest."""
    if layer.get("mediaType") != PAYLOAD:
        return False
    try:
        signature = base64.b64decode(layer["annotations"][ANNOTATION], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError):
        return False
    payload = registry.blob(str(layer.get("digest")), _MAX_PAYLOAD_BYTES)
    return key.signed(payload, signature) and _claimed(payload) == (_TYPE, digest)


def _claim(reference: Reference, digest: str) -> dict[str, Any]:
    return {
        "critical": {
            "identity": {"docker-reference": f"{reference.registry}/{reference.repository}"},
            "image": {"docker-manifest-digest": digest},
            "type": _TYPE,
        },
        "optional": None,
    }


def _claimed(payload: bytes) -> tuple[str, str] | None:
    try:
        critical = orjson.loads(payload)["critical"]
        return critical["type"], critical["image"]["docker-manifest-digest"]
    except (ValueError, KeyError, TypeError):
        return None
