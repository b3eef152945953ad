"""The image of the proxies: an Envoy binary of this machine with its libraries."""

from __future__ import annotations

from pathlib import Path

from lateen.runtime.docker.recipe import Recipe, building, entry_point, system, trust
from lateen.schema.binary import version

_PROGRAM = "/usr/local/bin/envoy"


def published(binary: Path) -> str:
    """The name of the image that the Envoy project publishes of the version of `binary`."""
    return f"envoyproxy/envoy:v{version(binary)}"


def envoy_recipe(binary: Path) -> Recipe:
    """An image of `binary`; its containers run as Istio's uid 1337, which redirection exempts.

    Raises MeshError (LAT0735) if a file of it cannot be read.
    """
    with building("envoy"):
        rootfs = system(binary)
        rootfs.add_file(binary, _PROGRAM)
        trust(rootfs)
        return Recipe("envoy", version(binary), rootfs, ("USER 1337:1337", entry_point(_PROGRAM)))
