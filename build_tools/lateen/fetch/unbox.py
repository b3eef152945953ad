"""A module out of what it may be packed in."""

from __future__ import annotations

import io
import tarfile
import zlib

from lateen.filterkit.oci.transfer import TooLargeError

_GZIP = b"\x1f\x8b"
_TAR, _TAR_AT = b"ustar", 257
_LAYERS = 4
"""A gzip file of a tar file of a gzip file is enough of it."""


def unboxed(content: bytes, limit: int) -> bytes:
    """What gzip and tar files hold, of a tar file its first file; anything else, and what is broken, as it is.

    Raises TooLargeError when more than `limit` bytes come out. Source: Istio, `unboxIfPossible`.
    """
    for _ in range(_LAYERS):
        if content.startswith(_GZIP):
            inner = _gunzip(content, limit)
        elif content[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
            inner = _first_file(content, limit)
        else:
            break
        if inner is None:
            break
        content = inner
    return content


def _gunzip(content: bytes, limit: int) -> bytes | None:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        inner = stream.decompress(content, limit + 1)
    except zlib.error:
        return None
    if len(inner) > limit:
        raise TooLargeError
    return inner if stream.eof else None


def _first_file(content: bytes, limit: int) -> bytes | None:
    """A sparse file is as large as it says when it is read. `tarfile` calls itself for each header of a header."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            files = (archive.extractfile(member) for member in archive if member.isfile())
            file = next(files, None)
            inner = file.read(limit + 1) if file else None
    except (tarfile.TarError, OSError, EOFError, ValueError, RecursionError):
        return None
    if inner and len(inner) > limit:
        raise TooLargeError
    return inner
