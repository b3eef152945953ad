"""Files that the configuration of a filter of the suite names: they are read with the mesh, and by no later stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEME = "lateen://"

NamedFiles = tuple[tuple[str, str | None], ...]
"""The text of each file by the name that the configuration gives it; None for one that cannot be read."""


def read_named_files(url: str, config: Mapping[str, Any], mesh_file: str) -> NamedFiles:
    """The files named by the configuration of `lateen://NAME`, relative to the folder of the mesh's file."""
    if not url.startswith(SCHEME):
        return ()
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415  most meshes have no such filter

    suite = catalog().get(url.removeprefix(SCHEME))
    return tuple(suite.files(config, Path(mesh_file).parent).items()) if suite else ()
