"""The API descriptors that every Envoy binary carries, taken out of it.

Generated protobuf code registers each `.proto` file as a serialized FileDescriptorProto, which the linker puts into
the binary as it is. Such a message begins with its name (field 1, ends in `.proto`) and its package (field 2), and
its fields stand in the order of their numbers, so that its end can be found by walking them.
"""

from __future__ import annotations

import gzip
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

_NAME_TAG, _NAME_END = 0x0A, b".proto\x12"
_SYNTAX, _EDITION = 12, 14
_MAX_NAME = 300  # Envoy's longest name has 125 bytes


class CarveError(ValueError):
    """The file carries no complete set of descriptors: it is no Envoy, or one that is stripped or compressed."""


def carve(binary: Path) -> descriptor_pb2.FileDescriptorSet:
    """Every `.proto` file of the binary, each after the files that it imports, otherwise by name.

    Raises CarveError if none is found or an imported file is missing, OSError if the file cannot be read.
    """
    if not binary.stat().st_size:
        raise CarveError(f"{binary} is empty")
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        files = {found.name: found for found in _descriptors(data)}
    if not files:
        raise CarveError(f"{binary} carries no protobuf descriptors")
    missing = sorted({name for found in files.values() for name in found.dependency} - files.keys())
    if missing:
        raise CarveError(f"{binary} lacks the imported {', '.join(missing)}")
    return descriptor_pb2.FileDescriptorSet(file=_imports_first(files))


def pack(descriptors: descriptor_pb2.FileDescriptorSet) -> bytes:
    """The set as gzipped bytes, equal for equal descriptors (no time and no name in the header)."""
    return gzip.compress(descriptors.SerializeToString(deterministic=True), compresslevel=9, mtime=0)


def _descriptors(data: mmap.mmap) -> Iterator[descriptor_pb2.FileDescriptorProto]:
    at = data.find(_NAME_END)
    while at >= 0:
        end_of_name = at + len(_NAME_END) - 1
        for start in _starts(data, end_of_name):
            try:
                yield descriptor_pb2.FileDescriptorProto.FromString(data[start : _end(data, start)])
            except DecodeError:
                continue
            break
        at = data.find(_NAME_END, end_of_name)


def _starts(data: mmap.mmap, end_of_name: int) -> Iterator[int]:
    """Offsets at which a name field begins that ends at `end_of_name`: tag, length and text fit together."""
    head = data[max(0, end_of_name - _MAX_NAME) : end_of_name]
    for length in range(len(".proto") + 1, len(head) - 2):
        prefix = bytes([_NAME_TAG, length]) if length < 0x80 else bytes([_NAME_TAG, length & 0x7F | 0x80, length >> 7])
        if head[: len(head) - length].endswith(prefix):
            yield end_of_name - length - len(prefix)


def _end(data: mmap.mmap, start: int) -> int:
    """Where the message that begins at `start` ends: after `syntax` or `edition`, or before what cannot follow."""
    at, last = start, 0
    while True:
        tag, body = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not max(last, 1) <= number <= _EDITION or kind not in (0, 2):
            return at
        value, after = _varint(data, body)
        after += value if kind == 2 else 0
        if after > len(data):
            return at
        at, last = after, number
        if number in (_SYNTAX, _EDITION) and not (number == _SYNTAX and data[at] == _EDITION << 3):
            return at


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    return 0, at


def _imports_first(
    files: Mapping[str, descriptor_pb2.FileDescriptorProto],
) -> list[descriptor_pb2.FileDescriptorProto]:
    ordered: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for imported in sorted(files[name].dependency):
                add(imported)
            ordered[name] = files[name]

    for name in sorted(files):
        add(name)
    return list(ordered.values())
