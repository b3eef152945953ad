"""Files that appear whole or not at all, and folders that only their owner may enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path` with exactly `mode`, whatever the umask; missing folders are made.

    A reader sees the old file or the new one, never a part, and the content is at no time in a file of a wider mode.
    Raises OSError; the old file is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def private_directory(path: Path) -> Path:
    """The folder `path` with mode 0700, made if need be. Raises OSError if it belongs to someone else."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path
