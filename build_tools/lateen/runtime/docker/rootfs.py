"""A root filesystem made of files of this machine: what it holds, what identifies it, and its tar."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_CHUNK = 1 << 20
_FILE, _PROGRAM, _FOLDER = 0o644, 0o755, 0o755


class FileChangedError(Exception):
    """A file went away or shrank between being listed and being copied."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file (`content`: its bytes, or where they are), a link (`target`), or else a folder."""

    mode: int
    content: bytes | Path | None = None
    target: str = ""

    def read(self) -> bytes:
        """The bytes of a file. Raises OSError."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content or b""


@dataclass(slots=True)
class Rootfs:
    """Entries by absolute path. Everything belongs to root and has no time, so that equal files give equal bytes.

    Modes say only whether a file may be executed: what root alone may read here, any user of a container may.
    """

    entries: dict[PurePosixPath, Entry] = field(default_factory=dict)

    def add_bytes(self, path: str, content: bytes, *, program: bool = False) -> None:
        """A file of that content."""
        self._add(PurePosixPath(path), Entry(_PROGRAM if program else _FILE, content))

    def add_file(self, source: Path, path: str | None = None) -> None:
        """A copy of `source`, links followed; at its own path unless another is given. Raises OSError."""
        program = source.stat().st_mode & stat.S_IXUSR
        self._add(PurePosixPath(path or source.as_posix()), Entry(_PROGRAM if program else _FILE, source))

    def add_link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._add(PurePosixPath(path), Entry(0o777, target=target))

    def add_folder(self, path: str, mode: int = _FOLDER) -> None:
        """A folder; those above a file need not be added."""
        self._add(PurePosixPath(path), Entry(mode))

    def add_tree(self, source: Path, path: str | None = None, *, skip: Callable[[Path], bool]) -> None:
        """The files below `source` for which, and for whose folders, `skip` is false.

        Links to files are followed, links to folders stay links; what is neither file nor folder is left out.
        """
        root = PurePosixPath(path or source.as_posix())
        for folder, folders, names in os.walk(source, onerror=_raise):
            here = Path(folder)
            inside = root / here.relative_to(source).as_posix()
            folders[:] = [name for name in folders if not skip(here / name)]
            for name in [*folders, *names]:
                file = here / name
                if file.is_symlink() and (file.is_dir() or not file.exists()):
                    self.add_link(str(inside / name), str(file.readlink()))
                elif file.is_file() and not skip(file):
                    self.add_file(file, str(inside / name))

    def add_all(self, other: Rootfs, below: str = "/") -> None:
        """All of another one, its root being the folder `below`."""
        for path, entry in other.entries.items():
            self._add(PurePosixPath(below) / path.relative_to("/"), entry)

    def sources(self) -> frozenset[Path]:
        """The files of this machine that are copied."""
        return frozenset(entry.content for entry in self.entries.values() if isinstance(entry.content, Path))

    def extensions(self) -> tuple[Path, ...]:
        """Those of them that are shared libraries by name."""
        return tuple(sorted(file for file in self.sources() if file.name.endswith(".so") or ".so." in file.name))

    def _add(self, path: PurePosixPath, entry: Entry) -> None:
        if not path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{path} is not an absolute path without ..")
        self.entries[path] = entry

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it, hexadecimal. Raises OSError if a file cannot be read."""
        whole = hashlib.sha256()
        for path, entry in sorted(self.entries.items()):
            content = hashlib.sha256(entry.read()).hexdigest() if entry.content is not None else ""
            whole.update(f"{path}\0{entry.mode:o}\0{entry.target}\0{content}\n".encode())
        return whole.hexdigest()

    def tar(self) -> Iterator[bytes]:
        """The archive, in pieces. Raises FileChangedError if a file is not what it was when it was added."""
        for path, entry in sorted(self._with_parents().items()):
            yield from _member(path, entry)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _with_parents(self) -> dict[PurePosixPath, Entry]:
        parents = {parent for path in self.entries for parent in path.parents}
        return {path: Entry(_FOLDER) for path in parents if path != path.parent} | self.entries


def _member(path: PurePosixPath, entry: Entry) -> Iterator[bytes]:
    info = tarfile.TarInfo(str(path.relative_to("/")))
    info.mode = entry.mode
    if entry.target:
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
    elif isinstance(entry.content, bytes):
        info.size = len(entry.content)
        yield info.tobuf(tarfile.GNU_FORMAT) + entry.content + _padding(info.size)
        return
    else:
        yield from _copied(info, entry.content)
        return
    yield info.tobuf(tarfile.GNU_FORMAT)


def _copied(info: tarfile.TarInfo, source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            left = info.size = os.fstat(file.fileno()).st_size
            yield info.tobuf(tarfile.GNU_FORMAT)
            while left and (piece := file.read(min(left, _CHUNK))):
                left -= len(piece)
                yield piece
    except OSError as error:  # which a HTTP client that is reading this would take for its connection's
        raise FileChangedError(f"{source}: {error.strerror}") from error
    if left:
        raise FileChangedError(f"{source}: shrank while it was read")
    yield _padding(info.size)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _raise(error: OSError) -> None:
    raise error
