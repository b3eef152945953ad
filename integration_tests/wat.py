"""Modules written by a test, in WebAssembly's own text form."""

from __future__ import annotations

from collections.abc import Mapping

import wasmtime

from lateen.filterkit.host.abi import IMPORTS, VERSIONS

CALLBACKS = {
    "on_context_create": "(param i32 i32)",
    "on_vm_start": "(param i32 i32) (result i32)",
    "on_configure": "(param i32 i32) (result i32)",
    "on_tick": "(param i32)",
    "on_request_headers": "(param i32 i32 i32) (result i32)",
    "on_request_body": "(param i32 i32 i32) (result i32)",
    "on_request_trailers": "(param i32 i32) (result i32)",
    "on_response_headers": "(param i32 i32 i32) (result i32)",
    "on_response_body": "(param i32 i32 i32) (result i32)",
    "on_response_trailers": "(param i32 i32) (result i32)",
    "on_http_call_response": "(param i32 i32 i32 i32 i32)",
    "on_grpc_receive": "(param i32 i32 i32)",
    "on_grpc_close": "(param i32 i32 i32)",
    "on_queue_ready": "(param i32 i32)",
    "on_log": "(param i32)",
    "on_done": "(param i32) (result i32)",
    "on_delete": "(param i32)",
}
"""The signatures of what a module exports as `proxy_NAME`; parameters are `$0`, `$1` ... by number."""

TEXT = 4096
"""Where texts lie; below it is room for what a module writes."""


def module(callbacks: Mapping[str, str], texts: Mapping[str, str] | None = None, abi: str = VERSIONS[0]) -> bytes:
    """A module of these callbacks; `{NAME}` in them is address and size of a text, `{NAME@}` its address alone."""
    places, data, at = {}, [], TEXT
    for name, value in (texts or {}).items():
        encoded = value.encode("latin-1")
        places[name] = f"(i32.const {at}) (i32.const {len(encoded)})"
        places[f"{name}@"] = f"(i32.const {at})"
        escaped = "".join(f"\\{byte:02x}" for byte in encoded)
        data.append(f'(data (i32.const {at}) "{escaped}")')
        at += len(encoded) + 1
    body = "\n".join(
        f'(func (export "proxy_{name}") {CALLBACKS[name]} (local $a i32) (local $b i32)\n{_filled(code, places)})'
        for name, code in callbacks.items()
    )
    used = [name for name in IMPORTS if f"call $proxy_{name}" in body]
    imports = "\n".join(f'(import "env" "proxy_{n}" (func $proxy_{n} {_signature(IMPORTS[n])}))' for n in used)
    return bytes(
        wasmtime.wat2wasm(
            f"""(module
{imports}
(memory (export "memory") 2)
(global $free (mut i32) (i32.const 65536))
{" ".join(data)}
(func (export "{abi}"))
(func (export "malloc") (param i32) (result i32)
  global.get $free  (global.set $free (i32.add (global.get $free) (local.get 0))))
{body})"""
        )
    )


def _filled(code: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        code = code.replace(f"{{{name}}}", place)
    return code


def _signature(parameters: str) -> str:
    kinds = " ".join({"i": "i32", "I": "i64"}[letter] for letter in parameters)
    return f"{f'(param {kinds})' if kinds else ''} (result i32)"
