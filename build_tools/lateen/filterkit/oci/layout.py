"""Packages in a folder: an OCI image layout, which `oras`, `skopeo` and `crane` read as well."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import NOT_A_FILTER, OUTPUT_EXISTS, WRONG_DIGEST
from lateen.filterkit.oci import sbom
from lateen.filterkit.oci.content import IMAGE_INDEX, IMAGE_MANIFEST, Blob, Image, canonical, digest_of
from lateen.filterkit.oci.package import Package
from lateen.filterkit.oci.reference import is_digest

MARKER = "oci-layout"
REF_NAME = "org.opencontainers.image.ref.name"

_VERSION = {"imageLayoutVersion": "1.0.0"}


def write(packages: Iterable[Package], folder: Path) -> None:
    """Make `folder`, whole or not at all. Raises MeshError if it is there (LAT0639), OSError if it cannot be made."""
    if os.path.lexists(folder):
        raise MeshError((OUTPUT_EXISTS.at(Origin(), path=folder, hint=OUTPUT_EXISTS.fix),))
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, content in _files(packages).items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_bytes(content)
        part.chmod(0o755)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part)
        raise


def read(folder: Path) -> list[Package]:
    """The packages in a folder that `write` made. Raises MeshError (LAT0634, LAT0636), OSError if a file is missing."""
    try:
        entries = _json((folder / "index.json").read_bytes(), folder)["manifests"]
        images = {entry["digest"]: _image(folder, entry) for entry in entries}
        bills = {found.fields["subject"]["digest"]: found for found in images.values() if "subject" in found.fields}
        names = {entry["digest"]: entry.get("annotations", {}).get(REF_NAME) for entry in entries}
        packages = [Package(str(name), images[image], bills[image]) for image, name in names.items() if name]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_filter(folder, "it is not what lateen filters package makes") from error
    if not packages:
        raise _no_filter(folder, "it lists no image by name")
    return packages


def _files(packages: Iterable[Package]) -> dict[str, bytes]:
    files = {MARKER: canonical(_VERSION)}
    entries = []
    for package in packages:
        entries.append(package.image.manifest.descriptor({REF_NAME: package.layout}))
        entries.append(package.sbom.manifest.descriptor(artifactType=sbom.MEDIA_TYPE))
        for found in (package.image, package.sbom):
            files |= {_path(blob.digest): blob.content for blob in (found.manifest, *found.blobs)}
    index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}
    return files | {"index.json": canonical(index)}


def _image(folder: Path, descriptor: dict[str, Any]) -> Image:
    manifest = _blob(folder, descriptor | {"mediaType": IMAGE_MANIFEST})
    fields = _json(manifest.content, folder)
    blobs = [fields.get("config"), *(fields.get("layers") or ())]
    return Image(manifest, tuple(_blob(folder, blob) for blob in blobs if isinstance(blob, dict)))


def _blob(folder: Path, descriptor: dict[str, Any]) -> Blob:
    digest = str(descriptor.get("digest"))
    if not is_digest(digest):
        raise _no_filter(folder, f"{digest!r} is no SHA-256 digest")
    path = folder / _path(digest)
    content = path.read_bytes()
    if (actual := digest_of(content)) != digest:
        raise MeshError((WRONG_DIGEST.at(Origin(str(path)), what=path, actual=actual, expected=digest),))
    return Blob(str(descriptor.get("mediaType")), content)


def _json(content: bytes, folder: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except ValueError as error:
        raise _no_filter(folder, "a manifest in it is no JSON") from error
    if not isinstance(value, dict):
        raise _no_filter(folder, "a manifest in it is no JSON object")
    return value


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"


def _no_filter(folder: Path, reason: str) -> MeshError:
    return MeshError((NOT_A_FILTER.at(Origin(str(folder)), image=folder, reason=reason),))
