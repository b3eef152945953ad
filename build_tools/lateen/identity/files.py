"""Files that appear whole or not at all, and folders that only their owner may enter."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path` with exactly `mode`, whatever the umask; missing folders are made.

    A reader sees the old file or the new one, never a part, and the content is at no time in a file of a wider mode.
    Raises OSError; the old file is then as it was.
    """
    part = stage(path, data, mode)
    try:
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def stage(path: Path, data: bytes, mode: int = 0o644) -> Path:
    """The first half of `write`: a file beside `path` that is to take its place. Raises OSError, and leaves none."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
