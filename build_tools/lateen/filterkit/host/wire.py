"""Protocol buffers by field number, for the few small messages that modules hand to the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Value = int | bytes

_VARINT, _64, _BYTES, _32 = 0, 1, 2, 5


def read(data: bytes) -> dict[int, Value]:
    """Fields by number, the last of each. Raises ValueError if the bytes are no message."""
    fields: dict[int, Value] = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError("a field has the number 0")
        if kind == _VARINT:
            fields[number], position = _varint(data, position)
        elif kind in (_64, _32, _BYTES):
            size, position = _varint(data, position) if kind == _BYTES else (8 if kind == _64 else 4, position)
            if position + size > len(data):
                raise ValueError("it ends within a field")
            fields[number] = data[position : position + size]
            position += size
        else:
            raise ValueError(f"wire type {kind}")
    return fields


def text(fields: Mapping[int, Value], number: int) -> bytes:
    """A field of text or bytes; empty where it is absent or of another type."""
    value = fields.get(number, b"")
    return value if isinstance(value, bytes) else b""


def number(fields: Mapping[int, Value], which: int) -> int:
    """A field that is a number, an enum or a bool; 0 where it is absent or of another type."""
    value = fields.get(which, 0)
    return value if isinstance(value, int) else 0


def write(fields: Mapping[int, Value]) -> bytes:
    """A message of these fields; zeros and empty values are left out."""
    return b"".join(part for which, value in fields.items() if value for part in _field(which, value))


def _field(which: int, value: Value) -> Iterator[bytes]:
    if isinstance(value, int):
        yield _encoded(which << 3 | _VARINT) + _encoded(value)
    else:
        yield _encoded(which << 3 | _BYTES) + _encoded(len(value)) + value


def _encoded(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if position >= len(data):
            raise ValueError("it ends within a number")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than 64 bits")
