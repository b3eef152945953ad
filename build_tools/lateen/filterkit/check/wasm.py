"""What can be read off a Wasm module: its ABI, what it needs of the host, its size."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import filterkit, workbench
from lateen.filterkit.catalog import Filter, unbuilt
from lateen.filterkit.module import WASI, BrokenModuleError, Module, read_module

ABIS = ("0.1.0", "0.2.0", "0.2.1")
"""The proxy-wasm ABIs that Envoy speaks."""

LARGEST = 256 * 1024 * 1024
"""Bytes of the largest module that Istio and Envoy Gateway fetch."""

_OF_ABI = {
    "proxy_get_configuration": {"0.1.0"},
    "proxy_continue_request": {"0.1.0"},
    "proxy_continue_response": {"0.1.0"},
    "proxy_clear_route_cache": {"0.1.0"},
    "proxy_continue_stream": {"0.2.0", "0.2.1"},
    "proxy_close_stream": {"0.2.0", "0.2.1"},
    "proxy_get_log_level": {"0.2.1"},
}
"""Functions that Envoy offers to modules of some ABIs only (proxy-wasm-cpp-host, `WasmBase::registerCallbacks`)."""

_ANY_ABI = frozenset({"emscripten_notify_memory_growth", "pthread_equal"})
"""What Envoy offers beside the ABI, for modules that C++ compilers make."""

_CAPABILITY = re.compile(rb"restricted (?:proxy-wasm|WASI) capability: ([a-z0-9_]+)\0")


def check_wasm(suite: Filter, envoy: Path, version: str) -> Iterator[Diagnostic]:
    """What speaks against the module of a filter in this Envoy.

    Raises OSError if the module cannot be read for another reason than that it is not there (LAT0606).
    """
    origin = Origin(str(suite.module_path))
    path = suite.module_path
    if faults := unbuilt(suite):
        yield from faults
        return
    size, budget = path.stat().st_size, int(suite.budget.get("module_bytes", LARGEST))
    if size > budget:
        yield filterkit.OVER_BUDGET.at(origin, name=suite.name, size=size, budget=budget)
    if size > LARGEST:
        return
    try:
        module = read_module(path.read_bytes())
    except BrokenModuleError as error:
        yield workbench.BROKEN_MODULE.at(origin, name=suite.name, reason=error)
        return
    yield from _abi(suite, module, origin)
    yield from _exports(suite, module, origin)
    yield from _imports(suite, module, origin, offered(envoy), f"Envoy {version}")
    yield from _memory(suite, module, origin)


@cache
def offered(envoy: Path) -> frozenset[str]:
    """The names of the host's functions in this Envoy, proxy-wasm and WASI; empty if the binary does not tell.

    Each function has a message of its own for modules that are not allowed to call it, and these stand in the binary.
    """
    with envoy.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return frozenset(name.decode() for name in _CAPABILITY.findall(data))


def _abi(suite: Filter, module: Module, origin: Origin) -> Iterator[Diagnostic]:
    spoken = ", ".join(ABIS)
    if not module.abi_versions:
        problem = f"does not say which proxy-wasm ABI it follows; Envoy speaks {spoken}"
    elif set(module.abi_versions).isdisjoint(ABIS):
        problem = f"follows the proxy-wasm ABI {', '.join(module.abi_versions)}; Envoy speaks {spoken}"
    else:
        return
    yield workbench.WRONG_ABI.at(origin, name=suite.name, problem=problem)


def _exports(suite: Filter, module: Module, origin: Origin) -> Iterator[Diagnostic]:
    exports = set(module.exports)
    needed = (
        ("memory", module.exports_memory),
        ("proxy_on_memory_allocate or malloc", exports & {"proxy_on_memory_allocate", "malloc"}),
        ("_initialize or _start", exports & {"_initialize", "_start"}),
    )
    for export, there in needed:
        if not there:
            yield workbench.MISSING_EXPORT.at(origin, name=suite.name, export=export)


def _imports(suite: Filter, module: Module, origin: Origin, host: frozenset[str], envoy: str) -> Iterator[Diagnostic]:
    for home, name in (*module.imports, *module.other_imports):
        function = (home, name) in module.imports
        known = not host or name in host | _ANY_ABI
        fits = name not in _OF_ABI or not _OF_ABI[name].isdisjoint(module.abi_versions)
        if not (function and known and fits and _belongs(home, name)):
            yield workbench.UNKNOWN_IMPORT.at(origin, name=suite.name, module=home, function=name, envoy=envoy)


def _belongs(home: str, name: str) -> bool:
    return home == "env" if name.startswith("proxy_") or name in _ANY_ABI else home in WASI


def _memory(suite: Filter, module: Module, origin: Origin) -> Iterator[Diagnostic]:
    budget = suite.budget.get("memory_bytes")
    if budget is not None and module.memory > budget:
        yield workbench.MEMORY_BUDGET.at(origin, name=suite.name, size=module.memory, budget=budget)
