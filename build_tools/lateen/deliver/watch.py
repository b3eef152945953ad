"""Notices that the files of a mesh were saved.

Names, times, sizes and inodes are compared at each call: editors save by rename, by truncation, through symlinks, and
on file systems that report no events.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from time import time_ns

from lateen.modules import lock_path
from lateen.source.files import find_files

_Files = dict[Path, tuple[int, int, int]]
_AT_REST = 60_000_000_000


class Watch:
    """What `lateen.load` reads: the files that sources stand for, the locks beside them, and a MeshConfig elsewhere.

    What is there when it is made counts as known: make it before the files are read.
    """

    def __init__(self, *sources: Path, mesh_config: Path | None = None, recursive: bool = False) -> None:
        self._sources, self._mesh_config, self._recursive = sources, mesh_config, recursive
        self._named: tuple[Path, ...] = ()
        self._known = self._latest = self._look()

    def changed(self) -> bool:
        """Whether the files differ from what is known and have come to rest since the last call; then they are known.

        Called at intervals, it takes a save in several steps as one.
        """
        before, self._latest = self._latest, self._look()
        if self._latest == self._known or self._latest != before:
            return False
        self._known = self._latest
        return True

    def follow(self, named: Collection[Path]) -> None:
        """Watch these files too, which files of the mesh name, in place of those that were named before.

        A new one that was saved of late counts as changed: it may have been saved since it was read.
        """
        found = (self._stat(path) for path in set(named) - set(self._named))
        at_rest = dict(entry for entry in found if entry and entry[1][0] < time_ns() - _AT_REST)
        self._known, self._latest = self._known | at_rest, self._latest | at_rest
        self._named = tuple(named)

    def _look(self) -> _Files:
        found = (self._stat(path) for path in self._paths())
        return dict(entry for entry in found if entry)

    def _paths(self) -> list[Path]:
        paths = [*self._named, *([self._mesh_config] if self._mesh_config else [])]
        for source in self._sources:
            paths.append(lock_path(source))
            try:
                paths += find_files([source], recursive=self._recursive).paths
            except OSError:  # a folder that is just being replaced, or a file that went while its folder was listed
                paths.append(source)
        return paths

    def _stat(self, path: Path) -> tuple[Path, tuple[int, int, int]] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return path, (status.st_mtime_ns, status.st_size, status.st_ino)
