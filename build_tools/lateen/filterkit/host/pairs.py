"""Lists of pairs as modules and host hand them to each other."""

from __future__ import annotations

import struct
from collections.abc import Iterable

Pairs = list[tuple[bytes, bytes]]

_MOST_BYTES = 1024 * 1024
_MOST_PAIRS = 1024


def serialize(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Count, sizes, then each name and value with a zero byte behind."""
    pairs = list(pairs)
    sizes = [size for name, value in pairs for size in (len(name), len(value))]
    head = struct.pack(f"<{1 + len(sizes)}I", len(pairs), *sizes)
    return head + b"".join(part + b"\0" for pair in pairs for part in pair)


def parse(data: bytes) -> Pairs:
    """The pairs; none if the bytes are not exactly such a list, which is how Envoy takes it."""
    if len(data) < 4 or len(data) > _MOST_BYTES:
        return []
    (count,) = struct.unpack_from("<I", data)
    if count > _MOST_PAIRS or len(data) < 4 + 8 * count:
        return []
    position, parts = 4 + 8 * count, []
    for size in struct.unpack_from(f"<{2 * count}I", data, 4):
        end = position + size
        if end >= len(data) or data[end]:
            return []
        parts.append(data[position:end])
        position = end + 1
    return list(zip(parts[::2], parts[1::2], strict=True)) if position == len(data) else []
