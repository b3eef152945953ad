"""The Wasm modules of a running mesh, in the folder that its Envoys read them from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lateen.identity import files
from lateen.xds.snapshot import Snapshot


def deploy(snapshots: Iterable[Snapshot], folder: Path) -> None:
    """Put every module that the snapshots name into `folder`; those of before stay, an Envoy may still load them.

    Raises OSError if one cannot be read or written.
    """
    modules = {name: module for snapshot in snapshots for name, module in snapshot.modules.items()}
    for name, module in modules.items():
        if not (folder / name).exists():  # its name tells its content
            files.write(folder / name, module.content())
