"""Packages into a repository: images under their tags, SBOMs as referrers, signatures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import BAD_REFERENCE
from lateen.filterkit.oci import signature
from lateen.filterkit.oci.content import IMAGE_INDEX, Blob, Image, canonical
from lateen.filterkit.oci.credentials import Credentials
from lateen.filterkit.oci.keys import PrivateKey
from lateen.filterkit.oci.package import Package
from lateen.filterkit.oci.reference import Reference
from lateen.filterkit.oci.registry import Registry, fallback_tag


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in its registry: `reference` has the tag and the digest."""

    layout: str
    reference: Reference
    sbom: str
    signed: bool


def push(
    packages: Iterable[Package],
    reference: Reference,
    credentials: Credentials,
    key: PrivateKey | None = None,
    *,
    mount_from: str = "",
    plain_http: bool = False,
) -> list[Pushed]:
    """Push the packages of one filter: the first gets the tag of `reference`, any other `TAG-LAYOUT`.

    A tag moves last, when its image, SBOM and signature are there, so that nobody who follows it finds less. Blobs that
    the repository `mount_from` of the same registry has are taken over. Raises MeshError as `Registry`, and LAT0630 if
    `reference` has no tag of its own.
    """
    if reference.digest:
        problem = "what is pushed gets a tag; its digest follows from its content"
        raise MeshError((BAD_REFERENCE.at(Origin(), reference=repr(str(reference)), problem=problem),))
    pushed: list[Pushed] = []
    with Registry(reference, credentials, push=True, mount_from=mount_from, plain_http=plain_http) as registry:
        for package in packages:
            tag = f"{reference.tag}-{package.layout}" if pushed else reference.tag
            for image in (package.image, package.sbom):
                _put(registry, image)
            if key:
                for image in (package.image, package.sbom):
                    signature.sign(registry, reference, image.digest, key)
            registry.put_manifest(package.image.manifest, tag)
            found = reference.at(tag=tag, digest=package.image.digest)
            pushed.append(Pushed(package.layout, found, package.sbom.digest, signed=key is not None))
    return pushed


def _put(registry: Registry, image: Image) -> None:
    """Push an image without a tag; one with a subject is listed among what refers to that."""
    for blob in image.blobs:
        registry.put_blob(blob)
    listed = registry.put_manifest(image.manifest)
    if (subject := image.fields.get("subject")) and not listed:
        _list(registry, subject["digest"], image)


def _list(registry: Registry, subject: str, image: Image) -> None:
    """What OCI 1.1 asks of a client where the registry has no referrers API: an index under a tag made of the digest.

    Raises MeshError (LAT0633) if something else has that tag: it is not overwritten.
    """
    entries: list[dict[str, Any]] = registry.referrers(subject)
    if any(entry.get("digest") == image.digest for entry in entries):
        return
    entries.append(image.manifest.descriptor(artifactType=image.fields["artifactType"]))
    index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}
    registry.put_manifest(Blob(IMAGE_INDEX, canonical(index)), fallback_tag(subject))
