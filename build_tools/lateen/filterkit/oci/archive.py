"""A tar.gz whose bytes depend on nothing but its files."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping

_BLOCK_BYTES = 0xFFFF
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no flags, no time, no level, no operating system


def tar(files: Mapping[str, bytes]) -> bytes:
    """The files in order of their names, of nobody, from the beginning of time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def gzip(content: bytes) -> bytes:
    """Stored, not compressed (RFC 1951, 3.2.4; RFC 1952).

    What a compressor makes of a module changes with its implementation and release, and with it the digest of the
    image; a module of some ten kilobytes is not worth that.
    """
    starts = range(0, len(content) or 1, _BLOCK_BYTES)
    blocks = [_stored(content[at : at + _BLOCK_BYTES], last=at == starts[-1]) for at in starts]
    trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return b"".join((_GZIP_HEADER, *blocks, trailer))


def _stored(block: bytes, *, last: bool) -> bytes:
    return struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
