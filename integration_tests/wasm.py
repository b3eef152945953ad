"""Wasm modules of somebody else: assembled here, byte by byte, so that they owe nothing to the SDK."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

I32 = 0x7F
CALL, DROP, END, UNREACHABLE, CONST = 0x10, 0x1A, 0x0B, 0x00, 0x41

_TYPES = (
    ((), ()),  # 0: proxy_abi_version
    ((I32, I32), ()),  # 1: proxy_on_context_create
    ((I32, I32), (I32,)),  # 2: proxy_on_vm_start, proxy_on_configure
    ((I32, I32, I32), (I32,)),  # 3: proxy_on_request_headers, proxy_on_downstream_data
    ((I32,) * 5, (I32,)),  # 4: what is imported
    ((I32,), (I32,)),  # 5: proxy_on_memory_allocate
)
_TEXT_AT, _ROOM_AT = 1024, 8192


def stamp(value: str) -> bytes:
    """An HTTP filter that adds the request header `x-stamp` with this value."""
    key = b"x-stamp"
    text = key + value.encode()
    add = (0, _TEXT_AT, len(key), _TEXT_AT + len(key), len(value))  # to the request headers
    return _module("proxy_add_header_map_value", "proxy_on_request_headers", _calling(add), text)


def trap() -> bytes:
    """An HTTP filter that ends its VM with each request."""
    return _module("proxy_add_header_map_value", "proxy_on_request_headers", bytes((UNREACHABLE, END)), b"")


def prefix(value: str) -> bytes:
    """A network filter that puts this before each piece of data from the client."""
    put = (2, 0, 0, _TEXT_AT, len(value))  # at the beginning of the downstream data
    return _module("proxy_set_buffer_bytes", "proxy_on_downstream_data", _calling(put), value.encode())


def _calling(arguments: Sequence[int]) -> bytes:
    """Call the import, forget what it answers, go on."""
    constants = b"".join(bytes((CONST,)) + _signed(argument) for argument in arguments)
    return constants + bytes((CALL, 0, DROP, CONST, 0, END))


def _module(imported: str, exported: str, handler: bytes, text: bytes) -> bytes:
    nothing, yes = bytes((END,)), bytes((CONST, 1, END))
    room = bytes((CONST,)) + _signed(_ROOM_AT) + nothing
    functions = ((0, nothing), (1, nothing), (2, yes), (3, handler), (5, room))
    exports = (
        ("memory", 2, 0),
        ("proxy_abi_version_0_2_1", 0, 1),
        ("proxy_on_context_create", 0, 2),
        ("proxy_on_vm_start", 0, 3),
        ("proxy_on_configure", 0, 3),
        (exported, 0, 4),
        ("proxy_on_memory_allocate", 0, 5),
    )
    sections = (
        (1, [b"\x60" + _vector(map(_byte, given)) + _vector(map(_byte, taken)) for given, taken in _TYPES]),
        (2, [_name("env") + _name(imported) + bytes((0, 4))]),
        (3, [_byte(kind) for kind, _ in functions]),
        (5, [bytes((0, 1))]),  # a page of memory
        (7, [_name(name) + bytes((kind, index)) for name, kind, index in exports]),
        (10, [_sized(bytes((0,)) + code) for _, code in functions]),
        (11, [bytes((0, CONST)) + _signed(_TEXT_AT) + bytes((END,)) + _sized(text)]),
    )
    return b"\0asm\1\0\0\0" + b"".join(_byte(number) + _sized(_vector(items)) for number, items in sections)


def _byte(value: int) -> bytes:
    return bytes((value,))


def _unsigned(value: int) -> bytes:
    """LEB128."""
    found = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        found.append(low | (0x80 if value else 0))
        if not value:
            return bytes(found)


def _signed(value: int) -> bytes:
    """Signed LEB128 of a number that is not negative."""
    found = bytearray(_unsigned(value))
    if found[-1] & 0x40:
        found[-1] |= 0x80
        found.append(0)
    return bytes(found)


def _sized(content: bytes) -> bytes:
    return _unsigned(len(content)) + content


def _vector(items: Iterable[bytes]) -> bytes:
    found = list(items)
    return _unsigned(len(found)) + b"".join(found)


def _name(text: str) -> bytes:
    return _sized(text.encode())
