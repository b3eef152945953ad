"""The built modules: what they may do can be read off their imports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lateen.filterkit.catalog import Filter, catalog
from lateen.model.proxy import Proxy
from lateen.xds.filters.wasm import wasm_extension

MODULES = [suite for suite in catalog().values() if suite.kind == "wasm"]
IMPORT_SECTION = 2
FLAG = "allow_on_headers_stop_iteration"

ALLOWED = {
    "hmac_auth": {
        "environ_get",
        "environ_sizes_get",
        "proxy_call_foreign_function",
        "proxy_get_buffer_bytes",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_header_map_pairs",
        "proxy_get_shared_data",
        "proxy_log",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_send_local_response",
        "proxy_set_property",
        "proxy_set_shared_data",
    },
    "operation_classifier": {
        "proxy_call_foreign_function",
        "proxy_get_buffer_bytes",
        "proxy_get_header_map_pairs",
        "proxy_log",
        "proxy_send_local_response",
        "proxy_set_property",
    },
    "peer_metadata": {
        "proxy_call_foreign_function",
        "proxy_get_buffer_bytes",
        "proxy_get_header_map_value",
        "proxy_get_property",
        "proxy_log",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_send_local_response",
        "proxy_set_property",
    },
}
"""What a module needs: no calls to other servers, for one that asks nobody."""


def _number(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
        if byte < 0x80:
            return value, place


def _imports(module: bytes) -> Iterator[str]:
    place = 8
    while place < len(module):
        section, (size, start) = module[place], _number(module, place + 1)
        if section == IMPORT_SECTION:
            count, place = _number(module, start)
            for _ in range(count):
                for _part in ("module", "name"):
                    length, place = _number(module, place)
                    text, place = module[place : place + length].decode(), place + length
                _, place = _number(module, place + 1)
                yield text
        place = start + size


@pytest.mark.parametrize("suite", [s for s in MODULES if s.name in ALLOWED], ids=lambda suite: suite.name)
def test_a_module_imports_what_its_filter_calls_and_no_more(suite: Filter) -> None:
    assert set(_imports(suite.module())) <= ALLOWED[suite.name]


@pytest.mark.parametrize("suite", MODULES, ids=lambda suite: suite.name)
def test_only_a_module_that_reads_bodies_may_hold_headers_back_alone(suite: Filter) -> None:
    """For another, Envoy would let paused headers go as soon as a body comes."""
    plugin = wasm_extension(Proxy("web"), "x", suite, {})["typed_config"]["config"]
    assert plugin.get(FLAG, False) is suite.reads_body
    assert suite.reads_body is (b"proxy_on_request_body" in suite.module())
