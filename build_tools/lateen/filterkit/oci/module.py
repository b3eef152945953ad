"""The Wasm module in an image, in every layout that Istio and Envoy Gateway read."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import orjson

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import NOT_A_FILTER, REFUSED, TOO_LARGE
from lateen.filterkit.oci.content import DOCKER_LIST, DOCKER_MANIFEST, IMAGE_INDEX, Blob
from lateen.filterkit.oci.credentials import Credentials
from lateen.filterkit.oci.problem import printable
from lateen.filterkit.oci.reference import Reference
from lateen.filterkit.oci.registry import MAX_BLOB_BYTES, Registry

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
COMPAT_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
FILE = "plugin.wasm"

_MAGIC = b"\0asm"
_PLATFORM = {"os": "linux", "architecture": "amd64"}  # what Istio's client takes from an index


class Module(NamedTuple):
    """A module, and the digest (`sha256:...`) of the manifest that it came with."""

    content: bytes
    digest: str


def pull_module(
    reference: Reference, credentials: Credentials, limit: int = MAX_BLOB_BYTES, *, plain_http: bool = False
) -> Module:
    """The module of an image, found as Istio does: the layout of Docker, then `compat`, then `oci`.

    Everything is held against its digest; `limit` bounds the module and the layer that it comes in (bytes). Raises
    MeshError: LAT0631 to LAT0636, and LAT0638 without a usable login.
    """
    with Registry(reference, credentials, plain_http=plain_http) as registry:
        manifest, _ = image_manifest(registry, reference)
        return Module(
            module_of(manifest, reference, lambda digest: registry.blob(digest, limit), limit), manifest.digest
        )


def image_manifest(registry: Registry, reference: Reference) -> tuple[Blob, tuple[str, ...]]:
    """The image's manifest, of an index that for linux/amd64; and the digests that stand for it: its own, the index's.

    Raises MeshError (LAT0633, LAT0636).
    """
    manifest = _existing(registry, reference)
    if manifest.media_type not in (IMAGE_INDEX, DOCKER_LIST):
        return manifest, (manifest.digest,)
    listed = _fields(manifest, reference).get("manifests")
    for entry in listed if isinstance(listed, list) else ():
        platform = entry.get("platform", _PLATFORM) if isinstance(entry, dict) else None
        if isinstance(platform, dict) and _PLATFORM.items() <= platform.items():
            found = _existing(registry, reference.at(digest=str(entry.get("digest"))))
            return found, (found.digest, manifest.digest)
    raise _no_filter(reference, "its index lists no image for linux/amd64")


def module_of(manifest: Blob, reference: Reference, fetch: Callable[[str], bytes], limit: int) -> bytes:
    """The module that a manifest's layers hold; `fetch` gives a blob. Raises MeshError (LAT0635, LAT0636)."""
    fields = _fields(manifest, reference)
    layers = fields.get("layers")
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        raise _no_filter(reference, "it has no layers")
    kinds = [layer.get("mediaType") for layer in layers]
    docker = fields.get("mediaType", manifest.media_type) == DOCKER_MANIFEST
    if kinds[-1] == (DOCKER_LAYER if docker else COMPAT_LAYER):
        content = _unpacked(fetch(str(layers[-1].get("digest"))), reference, limit)
    elif not docker and len(layers) == 2 and WASM_LAYER in kinds:
        content = fetch(str(layers[kinds.index(WASM_LAYER)].get("digest")))
    else:
        raise _no_filter(reference, f"its layers are {printable(', '.join(map(str, kinds)))}")
    if not content.startswith(_MAGIC):
        raise _no_filter(reference, f"{FILE} is no Wasm module")
    return content


def _existing(registry: Registry, reference: Reference) -> Blob:
    manifest = registry.manifest(reference.identifier)
    if manifest is None:
        what = str(reference)
        raise MeshError((REFUSED.at(Origin(), registry=reference.registry, what=what, reason="it is not there"),))
    return manifest


def _fields(manifest: Blob, reference: Reference) -> dict[str, Any]:
    try:
        fields = orjson.loads(manifest.content)
    except ValueError as error:
        raise _no_filter(reference, "its manifest is no JSON") from error
    if not isinstance(fields, dict):
        raise _no_filter(reference, "its manifest is no JSON object")
    return fields


def _unpacked(layer: bytes, reference: Reference, limit: int) -> bytes:
    """The file `plugin.wasm` of a layer, in whatever folder. A layer is unpacked up to `limit` bytes and no further.

    `tarfile` calls itself for each header of a header, and takes numbers in them on trust.
    """
    try:
        packed = _Bounded(gzip.GzipFile(fileobj=io.BytesIO(layer)), limit)
        with tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                if PurePosixPath(member.name).name == FILE and member.isreg() and (file := archive.extractfile(member)):
                    content = file.read(limit + 1)  # a sparse file is larger than its bytes
                    if len(content) > limit:
                        raise _Bounded.ExceededError
                    return content
    except _Bounded.ExceededError as error:
        what = f"the layer of {reference}"
        raise MeshError((TOO_LARGE.at(Origin(str(reference)), what=what, limit=limit, hint=TOO_LARGE.fix),)) from error
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError, zlib.error) as error:
        raise _no_filter(reference, "its layer is no tar.gz") from error
    raise _no_filter(reference, f"its layer has no {FILE}")


class _Bounded(io.RawIOBase):
    """A file of which at most so many bytes (and the frame of an archive) can be read."""

    class ExceededError(Exception):
        """More was asked for."""

    _FRAME_BYTES = 1 << 20

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self._file = file
        self._left = limit + self._FRAME_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise self.ExceededError
        return content


def _no_filter(reference: Reference, reason: str) -> MeshError:
    return MeshError((NOT_A_FILTER.at(Origin(str(reference)), image=reference, reason=reason),))
