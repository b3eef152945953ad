"""Plain dicts to protobuf's wire format: equal configuration gives equal bytes, in every process.

Fields stand in the order of their numbers, map entries in the order of their keys, also inside an Any. (json_format
is not used for this: it serializes what is in an Any in no defined order, and moves `@type` in the caller's dict.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from lateen.schema import wellknown
from lateen.schema.descriptors import ENUM, MESSAGE, Descriptors, Field
from lateen.schema.scalars import SCALARS, FieldError, boolean_key, enumeration

Encode = Callable[[Any], bytes]
"""A JSON value to the bytes that follow the tag (with their length, where the type has one)."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SHORT = [bytes([n]) for n in range(0x80)]


def varint(number: int) -> bytes:
    """Base-128; negative numbers in two's complement of 64 bits."""
    if 0 <= number < 0x80:
        return _SHORT[number]
    number &= 2**64 - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _sized(content: bytes) -> bytes:
    return varint(len(content)) + content


def _zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _text(value: str) -> bytes:
    return _sized(value.encode())


_WIRE: dict[int, tuple[int, Encode]] = {
    Proto.TYPE_DOUBLE: (_FIXED64, struct.Struct("<d").pack),
    Proto.TYPE_FLOAT: (_FIXED32, struct.Struct("<f").pack),
    Proto.TYPE_FIXED64: (_FIXED64, struct.Struct("<Q").pack),
    Proto.TYPE_FIXED32: (_FIXED32, struct.Struct("<I").pack),
    Proto.TYPE_SFIXED64: (_FIXED64, struct.Struct("<q").pack),
    Proto.TYPE_SFIXED32: (_FIXED32, struct.Struct("<i").pack),
    Proto.TYPE_SINT32: (_VARINT, _zigzag),
    Proto.TYPE_SINT64: (_VARINT, _zigzag),
    Proto.TYPE_STRING: (_BYTES, _text),
    Proto.TYPE_BYTES: (_BYTES, _sized),
}
"""Wire type and encoding of converted values; every other scalar is a varint."""


class Encoder:
    """Encoders compiled from descriptors, each when it is first needed."""

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._compiled: dict[str, Encode] = {}

    def encode(self, name: str, value: Any) -> bytes:
        """The message of that full name. Raises FieldError, without a path, if the value does not fit the schema."""
        return self._content(name)(value)

    def _content(self, name: str) -> Encode:
        """The encoding of a message without its length."""
        if name == wellknown.ANY:
            return self._any
        if name not in self._compiled:
            if name not in self._descriptors:
                raise FieldError(f"this Envoy has no message {name}")
            self._compiled[name] = self._special(name) or self._message(name)
        return self._compiled[name]

    def _special(self, name: str) -> Encode | None:
        convert = wellknown.CONVERT.get(name)
        if convert is None:
            return None
        write = _wrapper(wellknown.WRAPPED[name]) if name in wellknown.WRAPPED else _WELL_KNOWN[name]
        return lambda value: write(convert(value))

    def _message(self, name: str) -> Encode:
        fields: dict[str, tuple[int, str, Encode, bool]] = {}
        for field in self._descriptors.message(name).fields:
            nullable = field.type_name == wellknown.VALUE and not field.repeated
            entry = field.number, field.oneof or field.name, self._field(field), nullable
            fields[field.name] = fields[field.json_name] = entry

        def encode_message(value: Any) -> bytes:
            if not isinstance(value, dict):
                raise FieldError("must be an object")
            parts: list[tuple[int, bytes]] = []
            taken: set[str] = set()
            for key, item in value.items():
                if key not in fields:
                    raise FieldError(f"{name} has no field {key}")
                number, place, encode, nullable = fields[key]
                if item is None and not nullable:
                    continue
                if place in taken:
                    raise FieldError(f"{name} can have only one {place}")
                taken.add(place)
                parts.append((number, encode(item)))
            parts.sort()
            return b"".join([part for _, part in parts])

        return encode_message

    def _field(self, field: Field) -> Encode:
        """The encoding of a field with its tags; an implicit default and an empty list are no bytes."""
        if field.entry:
            return self._map(field, *field.entry)
        wire, single = self._single(field)
        tag = varint(field.number << 3 | wire)
        if not field.repeated:
            if field.presence:
                return lambda value: tag + single(value)
            default = single("" if wire == _BYTES else False if field.type == Proto.TYPE_BOOL else 0)
            return lambda value: tag + content if (content := single(value)) != default else b""
        if field.packed:
            tag = varint(field.number << 3 | _BYTES)
            return lambda value: tag + _sized(b"".join(map(single, value))) if _listed(value) else b""
        return lambda value: b"".join([tag + single(item) for item in _listed(value)])

    def _single(self, field: Field) -> tuple[int, Encode]:
        if field.type == MESSAGE:
            return _BYTES, self._nested(field.type_name)
        convert = enumeration(self._descriptors.enum(field.type_name)) if field.type == ENUM else SCALARS[field.type]
        wire, write = _WIRE.get(field.type, (_VARINT, varint))
        return wire, lambda value: write(convert(value))

    def _nested(self, name: str) -> Encode:
        compiled: Encode | None = None

        def encode_nested(value: Any) -> bytes:
            nonlocal compiled
            if compiled is None:
                compiled = self._content(name)
            return _sized(compiled(value))

        return encode_nested

    def _map(self, field: Field, key: Field, value: Field) -> Encode:
        tag = varint(field.number << 3 | _BYTES)
        key_wire, encode_key = self._single(key)
        if key.type == Proto.TYPE_BOOL:
            encode_key = lambda name: varint(boolean_key(name))  # noqa: E731
        value_wire, encode_value = self._single(value)
        key_tag, value_tag = varint(1 << 3 | key_wire), varint(2 << 3 | value_wire)

        def encode_map(pairs: Any) -> bytes:
            if not isinstance(pairs, dict):
                raise FieldError("must be an object")
            entries = sorted((encode_key(name), encode_value(item)) for name, item in pairs.items())
            return b"".join([tag + _sized(key_tag + name + value_tag + item) for name, item in entries])

        return encode_map

    def _any(self, value: Any) -> bytes:
        if not isinstance(value, dict):
            raise FieldError("must be an object")
        if not value:
            return b""
        url = value.get("@type")
        if not isinstance(url, str):
            raise FieldError("an Any needs @type")
        name = url.rpartition("/")[2]
        special = name in wellknown.CONVERT or name == wellknown.ANY
        body = value.get("value") if special else {key: item for key, item in value.items() if key != "@type"}
        content = self._content(name)(body)
        return b"\x0a" + _text(url) + (b"\x12" + _sized(content) if content else b"")


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise FieldError("must be a list")
    return list(value)


def _wrapper(kind: int) -> Encode:
    wire, write = _WIRE.get(kind, (_VARINT, varint))
    tag, default = varint(1 << 3 | wire), b"\0"
    zero = {_FIXED64: bytes(8), _FIXED32: bytes(4)}.get(wire, default)
    return lambda value: tag + content if (content := write(value)) != zero else b""


def _seconds_and_nanos(nanoseconds: int) -> bytes:
    """Duration and Timestamp. Duration wants both parts of one sign, and times before 1970 do not occur here."""
    seconds, nanos = divmod(abs(nanoseconds), 10**9)
    if nanoseconds < 0:
        seconds, nanos = -seconds, -nanos
    return (b"\x08" + varint(seconds) if seconds else b"") + (b"\x10" + varint(nanos) if nanos else b"")


def _json_value(value: Any) -> bytes:
    if value is None:
        return b"\x08\x00"
    if isinstance(value, bool):
        return b"\x20" + varint(value)
    if isinstance(value, str):
        return b"\x1a" + _text(value)
    if isinstance(value, dict):
        return b"\x2a" + _sized(_json_object(value))
    if isinstance(value, list):
        return b"\x32" + _sized(_json_array(value))
    return b"\x11" + struct.pack("<d", value)


def _json_object(fields: dict[str, Any]) -> bytes:
    entries = [b"\x0a" + _text(key) + b"\x12" + _sized(_json_value(item)) for key, item in sorted(fields.items())]
    return b"".join([b"\x0a" + _sized(entry) for entry in entries])


def _json_array(items: list[Any]) -> bytes:
    return b"".join([b"\x0a" + _sized(_json_value(item)) for item in items])


_WELL_KNOWN: dict[str, Encode] = {
    "google.protobuf.Duration": _seconds_and_nanos,
    "google.protobuf.Timestamp": _seconds_and_nanos,
    "google.protobuf.FieldMask": lambda paths: b"".join([b"\x0a" + _text(path) for path in paths]),
    "google.protobuf.Struct": _json_object,
    "google.protobuf.ListValue": _json_array,
    wellknown.VALUE: _json_value,
}
