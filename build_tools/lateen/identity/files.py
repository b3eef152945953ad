"""Files that appear whole or not at all, and folders that only their owner may enter."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path` with exactly `mode`, whatever the umask; missing folders are made.

    A reader sees the old file or the new one, never a part, and the content is at no time in a file of a wider mode.
    Raises OSError; the old file is then as it was.
    """
    write_all([(path, data, mode)])


def write_all(contents: Iterable[tuple[Path, bytes, int]]) -> None:
    """`write` several files, all or none: none appears before each is written.

    Raises OSError; files and folders are then as they were.
    """
    parts: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for path, data, mode in contents:
            made += [f for f in (*path.parent.parents[::-1], path.parent) if not f.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            parts.append((_part(path, data, mode), path))
        for part, path in parts:
            part.replace(path)
    except BaseException:
        for part, _ in parts:
            part.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # it was not made, or somebody has put something into it
                folder.rmdir()
        raise


def _part(path: Path, data: bytes, mode: int) -> Path:
    """A file beside `path` with what it shall hold. Raises OSError, which names `path`; there is no file then."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def private_directory(path: Path) -> Path:
    """The folder `path` with mode 0700, made if need be. Raises OSError if it belongs to someone else."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path
