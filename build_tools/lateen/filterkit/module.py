"""A Wasm module as far as a host has to know it: what it imports and exports, its memory, its custom sections.

Only sections are read, no code: https://webassembly.github.io/spec/core/binary/modules.html. This module is a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAGE = 65536
"""Bytes of a page of memory."""

WASI = ("wasi_snapshot_preview1", "wasi_unstable")
"""The names under which modules import WASI."""

MOST_SECTIONS = 10_000
"""Of a stranger's module: kinds stand once each, but custom sections, of which a compiler writes dozens."""

_MAGIC = b"\0asm\x01\0\0\0"
_CUSTOM, _TYPES, _IMPORTS, _FUNCTIONS, _MEMORIES, _EXPORTS = 0, 1, 2, 3, 5, 7
_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)
_ALWAYS = frozenset({"proxy_on_memory_allocate"})
"""Envoy takes the module's allocator whatever is allowed."""


class BrokenModuleError(ValueError):
    """Bytes that are no Wasm module; the message says where reading ended."""


@dataclass(frozen=True, slots=True)
class Module:
    """`imports` are (module, name) of functions, `exports` names of functions; `other_imports` are (module, name) of
    memories, tables and globals. `memory` is the initial size of memory in bytes, `sections` are the names of custom
    sections."""

    imports: tuple[tuple[str, str], ...]
    other_imports: tuple[tuple[str, str], ...]
    exports: tuple[str, ...]
    exports_memory: bool
    memory: int
    sections: tuple[str, ...]

    @property
    def abi_versions(self) -> tuple[str, ...]:
        """The proxy-wasm ABIs that it says it follows (`0.2.1`)."""
        prefix = "proxy_abi_version_"
        return tuple(name.removeprefix(prefix).replace("_", ".") for name in self.exports if name.startswith(prefix))

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The names for `capability_restriction_config.allowed_capabilities` without which it does not work, sorted.

        Envoy asks for the names of the host's functions that a module calls (proxy-wasm and WASI) and of the callbacks
        that it calls in the module; a callback that is not allowed is one that the module does not have
        (proxy-wasm-cpp-host, `WasmBase::registerCallbacks` and `getFunctions`).
        """
        called = {name for module, name in self.imports if name.startswith("proxy_") or module in WASI}
        callbacks = {name for name in self.exports if name.startswith(("proxy_on_", "proxy_validate_"))}
        return tuple(sorted(called | callbacks - _ALWAYS))


def read_module(data: bytes) -> Module:
    """The module in these bytes. Raises BrokenModuleError."""
    imports: list[tuple[str, str]] = []
    other: list[tuple[str, str]] = []
    exports: list[tuple[str, int]] = []
    memory, sections = 0, []
    try:
        for kind, content in _sections(data):
            reader = _Reader(content)
            if kind == _CUSTOM:
                sections.append(reader.name())
            elif kind == _IMPORTS:
                for _ in range(reader.number()):
                    module, name, what = reader.name(), reader.name(), reader.byte()
                    reader.skip_type(what)
                    (imports if what == _FUNCTION else other).append((module, name))
            elif kind == _MEMORIES:
                memory = sum(reader.limits() for _ in range(reader.number())) * PAGE
            elif kind == _EXPORTS:
                exports += [(reader.name(), reader.export()) for _ in range(reader.number())]
    except (IndexError, UnicodeDecodeError) as error:
        raise BrokenModuleError("it ends in the middle of a section") from error
    functions = tuple(name for name, what in exports if what == _FUNCTION)
    exports_memory = ("memory", _MEMORY) in exports
    return Module(tuple(imports), tuple(other), functions, exports_memory, memory, tuple(sections))


def check_sections(data: bytes) -> None:
    """Raise BrokenModuleError unless sections follow each other to the end; of what is in them nothing is read."""
    for count, _ in enumerate(_sections(data)):
        if count == MOST_SECTIONS:
            raise BrokenModuleError(f"it has more than {MOST_SECTIONS} sections")


def without_custom_sections(data: bytes) -> bytes:
    """The module without its custom sections: names, producers, debug information. What it does is the same.

    Raises BrokenModuleError.
    """
    parts = [_MAGIC]
    for kind, content in _sections(data):
        if kind != _CUSTOM:
            parts.append(bytes([kind]) + _leb(len(content)) + content)
    return b"".join(parts)


def _sections(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """The kind and content of each section, nothing copied."""
    if not data.startswith(_MAGIC):
        raise BrokenModuleError("it does not begin as a Wasm module of version 1")
    reader = _Reader(memoryview(data), len(_MAGIC))
    while reader.position < len(data):
        try:
            kind, size = reader.byte(), reader.number()
            yield kind, reader.take(size)
        except IndexError as error:
            raise BrokenModuleError(f"it ends in a section, at byte {reader.position} of {len(data)}") from error


def _leb(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


class _Reader:
    """Reads on in bytes; beyond their end it raises IndexError."""

    def __init__(self, data: memoryview, position: int = 0) -> None:
        self._data, self.position = data, position

    def byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def number(self) -> int:
        """Unsigned LEB128 of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise BrokenModuleError(f"a number at byte {self.position} has more than 64 bits")

    def take(self, size: int) -> memoryview:
        if self.position + size > len(self._data):
            raise IndexError(size)
        self.position += size
        return self._data[self.position - size : self.position]

    def name(self) -> str:
        return str(self.take(self.number()), "utf-8")

    def limits(self) -> int:
        """The minimum of a memory or table."""
        flags, minimum = self.byte(), self.number()
        if flags & 1:
            self.number()
        return minimum

    def export(self) -> int:
        what = self.byte()
        self.number()
        return what

    def skip_type(self, what: int) -> None:
        """The type behind an import of that kind."""
        if what == _FUNCTION:
            self.number()
        elif what in (_TABLE, _MEMORY):
            if what == _TABLE:
                self.byte()
            self.limits()
        elif what in (_GLOBAL, _TAG):
            self.byte()
            self.number()
        else:
            raise IndexError(what)
