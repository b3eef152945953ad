"""One instance of a module on wasmtime: its memory, calls into it, and the limits of both."""

from __future__ import annotations

import atexit
import ctypes
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache

import wasmtime

from lateen.filterkit.host.abi import Refused, Status

Import = Callable[..., int | None]
"""A function of the host; 32-bit arguments come unsigned, 64-bit ones signed."""

INSTRUCTIONS = 2_000_000_000
"""How much a call may do before it counts as an endless loop; Envoy would hang."""

_KINDS = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
_UNSIGNED = 0xFFFFFFFF


class Trap(Exception):  # noqa: N818 - the word that WebAssembly has for it
    """The module ended abruptly; it can be used no more."""


class ModuleError(ValueError):
    """The bytes are no module that can run here; the text says why, as Envoy says it where it says something."""


@lru_cache(maxsize=64)
def compiled(code: bytes) -> wasmtime.Module:
    """The module, compiled once. Raises ModuleError."""
    try:
        return wasmtime.Module(_engine(), code)
    except wasmtime.WasmtimeError as error:
        raise ModuleError(f"Failed to load Wasm bytecode: {' '.join(str(error).split())}") from error


atexit.register(compiled.cache_clear)  # wasmtime cannot free what lives longer than its own Python modules


@lru_cache(maxsize=1)
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.cranelift_opt_level = "none"  # tests compile more than they run
    return wasmtime.Engine(config)


class Machine:
    """An instance with its memory. After a Trap nothing can be called."""

    def __init__(self, code: bytes, functions: Mapping[tuple[str, str], tuple[str, Import, bool]], memory: int) -> None:
        """Link and instantiate; `memory` is the most bytes that it may have.

        `functions` by module and name: parameters, the function, whether it answers a number. Raises ModuleError.
        """
        module = compiled(code)
        self._store = wasmtime.Store(module_engine := _engine())
        self._store.set_limits(memory_size=memory)
        self._store.set_fuel(INSTRUCTIONS)
        linker = wasmtime.Linker(module_engine)
        for place in dict.fromkeys((wanted.module, wanted.name or "") for wanted in module.imports):
            if place not in functions:
                raise ModuleError(f"Failed to load Wasm module due to a missing import: {place[0]}.{place[1]}")
            parameters, function, answers = functions[place]
            results = [wasmtime.ValType.i32()] if answers else []
            kind = wasmtime.FuncType([_KINDS[letter]() for letter in parameters], results)
            linker.define_func(*place, kind, _guarded(parameters, function, answers))
        try:
            self._exports = linker.instantiate(self._store, module).exports(self._store)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise ModuleError(f"Failed to initialize Wasm code: {_first_line(error)}") from error
        found = self._exports.get("memory")
        if not isinstance(found, wasmtime.Memory):
            raise ModuleError("Wasm module is missing its memory")
        self._memory = found
        self._functions: dict[str, wasmtime.Func] = {}
        for name in self._names(module):
            if isinstance(function_ := self._exports.get(name), wasmtime.Func):
                self._functions[name] = function_

    @staticmethod
    def _names(module: wasmtime.Module) -> list[str]:
        return [export.name for export in module.exports]

    @property
    def size(self) -> int:
        """The bytes of its memory; they never become fewer."""
        return int(self._memory.data_len(self._store))

    def exports(self, name: str) -> bool:
        """Whether the module has a function of that name."""
        return name in self._functions

    def call(self, name: str, *arguments: int) -> int:
        """Call a function of the module; 0 if it answers nothing. Raises Trap."""
        self._store.set_fuel(INSTRUCTIONS)
        return self._call(name, *arguments)

    def allocate(self, size: int) -> int:
        """Memory that the module gives. Raises Refused if it gives none."""
        name = "malloc" if "malloc" in self._functions else "proxy_on_memory_allocate"
        address = self._call(name, size) & _UNSIGNED
        if not address:
            raise Refused(Status.INVALID_MEMORY_ACCESS)
        return address

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory. Raises Refused beyond its end."""
        self._check(address, size)
        return ctypes.string_at(self._base() + address, size)

    def write(self, address: int, data: bytes) -> None:
        """Set bytes of its memory. Raises Refused beyond its end."""
        self._check(address, len(data))
        ctypes.memmove(self._base() + address, data, len(data))

    def write_number(self, address: int, value: int, form: str = "<I") -> None:
        """Set a number, of 32 bits unless `form` (as of `struct`) says otherwise."""
        self.write(address, struct.pack(form, value))

    def give(self, data: bytes, address_at: int, size_at: int) -> None:
        """Copy bytes into memory of the module's own and tell it where; nothing is allocated for no bytes."""
        address = 0
        if data:
            address = self.allocate(len(data))
            self.write(address, data)
        self.write_number(address_at, address)
        self.write_number(size_at, len(data))

    def _call(self, name: str, *arguments: int) -> int:
        try:
            return int(self._functions[name](self._store, *arguments) or 0)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise Trap(f"Function: {name} failed: {_first_line(error)}") from error

    def _base(self) -> int:
        pointer = self._memory.data_ptr(self._store)
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0

    def _check(self, address: int, size: int) -> None:
        if address + size > self._memory.data_len(self._store):
            raise Refused(Status.INVALID_MEMORY_ACCESS)


def _guarded(parameters: str, function: Import, answers: bool) -> Import:
    """The function with unsigned arguments, its refusals as statuses."""
    masks = [_UNSIGNED if letter == "i" else None for letter in parameters]

    def call(*arguments: int) -> int | None:
        given = [a if mask is None else a & mask for a, mask in zip(arguments, masks, strict=True)]
        try:
            answer = function(*given)
        except Refused as refused:
            return int(refused.status)
        return int(answer or 0) if answers else None

    return call


def _first_line(error: Exception) -> str:
    """What went wrong, without the module's call stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("0: ", "1: ", "wasm trap"))]
    return (causes[-1] if causes else lines[0] if lines else "trap").removeprefix("1: ").removeprefix("0: ")
