"""A module from a registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lateen.analysis.modules import logins
from lateen.fetch.fetched import LIMIT, Fetched, wasm
from lateen.filterkit.oci import reference, signature
from lateen.filterkit.oci.credentials import Credentials, docker_configuration, pull_secret
from lateen.filterkit.oci.keys import public_key
from lateen.filterkit.oci.module import image_manifest, module_of
from lateen.filterkit.oci.registry import Registry
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.modules.locked import pin


def pull(
    url: str, who: Credentials, keys: Iterable[str], digest: str = "", plain_http: Collection[str] = ()
) -> Fetched:
    """The module of an image, once every one of `keys` (PEM) is known to have signed it.

    With `digest` (`sha256:...`) that image, whatever the tag stands for by now. Plain HTTP is spoken to the registries
    `plain_http` and to those on this machine. Raises MeshError (LAT0630 to LAT0638).
    """
    image = reference.parse(url)
    if digest:
        image = image.at(tag=image.tag, digest=digest)
    with Registry(image, who, plain_http=image.registry in plain_http) as registry:
        manifest, digests = image_manifest(registry, image)
        found = image.at(tag=image.tag, digest=manifest.digest)
        for key in keys:
            signature.verify(registry, found, public_key(key.encode(), "verificationKey"), digests)
        content = module_of(manifest, image, lambda blob: registry.blob(blob, LIMIT), LIMIT)
    pinned = pin(url)
    return Fetched(wasm(url, content), f"sha256:{pinned}" if pinned else manifest.digest)


def credentials(extensions: Iterable[Extension], mesh: Mesh) -> Credentials:
    """The logins of the first pull secret that these extensions name and the mesh has, else the user's own.

    Raises MeshError (LAT0638) if they are broken, OSError if the user's cannot be read.
    """
    for extension in extensions:
        if (found := logins(extension, mesh)) is not None:
            return pull_secret(found.reveal(), f"Secret {extension.ref.namespace}/{extension.pull_secret}")
    return docker_configuration()
