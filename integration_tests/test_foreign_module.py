"""A module that others built (in Go, with WASI, for a proxy made from Envoy) runs in tests by the pytest plugin."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from lateen.filterkit.host.driver import Driver, request, response
from lateen.filterkit.host.machine import ModuleError
from lateen.filterkit.pytest_plugin import MakeFilter

HIGRESS = "proxy_abi_version_0_2_100"
RULES = {
    "type": "headers",
    "reqRules": [
        {"operate": "add", "headers": [{"key": "x-new", "value": "1"}]},
        {"operate": "remove", "headers": [{"key": "x-gone"}]},
        {"operate": "rename", "headers": [{"oldKey": "x-old", "newKey": "x-renamed"}]},
    ],
    "respRules": [{"operate": "replace", "headers": [{"key": "x-b", "newValue": "replaced"}]}],
}


@pytest.fixture(scope="module")
def module() -> bytes:
    """The module `transformer` of Higress, out of a package of the Python index."""
    folder = Path(str(resources.files("gpustack_higress_plugins"))) / "plugins" / "transformer"
    (path,) = folder.glob("*/plugin.wasm")
    return path.read_bytes()


def test_it_does_what_its_configuration_says(wasm_filter: MakeFilter, module: bytes) -> None:
    filter_: Driver = wasm_filter(module, RULES, versions=(HIGRESS,))
    seen = filter_.exchange(
        request(headers=[("x-old", "v"), ("x-gone", "v"), ("x-kept", "v")]), response(headers=[("x-b", "b")])
    )
    assert seen.request is not None
    assert [seen.request.header(name) for name in ("x-new", "x-renamed", "x-kept")] == ["1", "v", "v"]
    assert [seen.request.header(name) for name in ("x-old", "x-gone")] == [None, None]
    assert seen.response.header("x-b") == "replaced"
    assert any("on http request headers" in line for line in seen.meanwhile.logs)


def test_it_says_what_is_wrong_with_its_configuration(wasm_filter: MakeFilter, module: bytes) -> None:
    with pytest.raises(ModuleError, match="refuses its configuration"):
        wasm_filter(module, "{", versions=(HIGRESS,))


def test_an_abi_that_envoy_does_not_know_is_refused_as_there(wasm_filter: MakeFilter, module: bytes) -> None:
    with pytest.raises(ModuleError, match="Missing or unknown Proxy-Wasm ABI version"):
        wasm_filter(module, RULES)
