"""A Wasm module is read as far as a host has to know it, whoever made it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.filterkit.catalog import catalog, noop_module
from lateen.filterkit.module import BrokenModuleError, read_module, without_custom_sections

HEAD = b"\0asm\x01\0\0\0"


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind, len(content)]) + content


def name(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def test_the_smallest_module_is_read() -> None:
    module = read_module(noop_module())
    assert module.abi_versions == ("0.2.1",)
    assert (module.imports, module.exports_memory, module.memory) == ((), True, 65536)
    assert "_initialize" in module.exports


def test_what_a_filter_of_the_suite_may_do_is_what_it_calls_and_is_called_for() -> None:
    capabilities = read_module(catalog()["peer_metadata"].module()).capabilities
    assert {"proxy_get_property", "proxy_on_request_headers", "proxy_on_response_headers"} <= set(capabilities)
    assert list(capabilities) == sorted(capabilities)
    # Envoy never asks whether these are allowed.
    assert {"_initialize", "memory", "proxy_abi_version_0_2_1", "proxy_on_memory_allocate"}.isdisjoint(capabilities)


def test_imports_of_every_kind_are_told_apart() -> None:
    function = name("env") + name("proxy_log") + b"\x00\x03"
    table = name("env") + name("table") + b"\x01\x70\x01\x01\x09"
    memory = name("env") + name("memory") + b"\x02\x00\x02"
    glob = name("env") + name("base") + b"\x03\x7f\x00"
    wasi = name("wasi_snapshot_preview1") + name("fd_write") + b"\x00\x00"
    wbg = name("wbg") + name("__wbindgen_throw") + b"\x00\x00"
    module = read_module(HEAD + section(2, b"\x06" + function + table + memory + glob + wasi + wbg))
    assert module.imports == (("env", "proxy_log"), ("wasi_snapshot_preview1", "fd_write"), ("wbg", "__wbindgen_throw"))
    assert module.other_imports == (("env", "table"), ("env", "memory"), ("env", "base"))
    assert module.capabilities == ("fd_write", "proxy_log")


def test_names_are_taken_away_and_the_rest_stays() -> None:
    names = section(0, name("name") + b"\x00\x02\x01x")
    debug = noop_module() + names
    assert read_module(debug).sections == ("name",)
    assert without_custom_sections(debug) == noop_module()
    assert without_custom_sections(HEAD + names + noop_module()[8:]) == noop_module()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not begin"),
        (b"#!/bin/sh\n", "does not begin"),
        (b"\0asm\x0d\0\x01\0", "does not begin"),
        (noop_module()[:-1], "ends in a section"),
        (HEAD + b"\x07", "ends in a section, at byte"),
        (HEAD + section(7, b"\x05"), "in the middle of a section"),
        (HEAD + section(7, b"\xff" * 10 + b"\0"), "more than 64 bits"),
        (HEAD + section(2, b"\x01" + name("a") + name("b") + b"\x09"), "in the middle of a section"),
        (HEAD + section(7, b"\x01\x01\xff\x00\x00"), "in the middle of a section"),
    ],
)
def test_what_is_no_module_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BrokenModuleError, match=said):
        read_module(data)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_nothing_else_comes_of_broken_bytes(noise: bytes, position: int) -> None:
    for data in (HEAD + noise, noop_module()[:position] + noise):
        try:
            read_module(data)
            without_custom_sections(data)
        except BrokenModuleError:
            pass
