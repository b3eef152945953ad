"""A pytest plugin: tests of proxy-wasm modules and of Envoy's Lua filters without Envoy, in any project.

With lateen and its extra `filters` installed, pytest loads it by itself:

```python
def test_a_forged_tenant_is_refused(wasm_filter):
    filter = wasm_filter("target/filter.wasm", {"header": "x-tenant"})
    seen = filter.exchange(request(headers=[("x-tenant", "forged")]))
    assert seen.details == "forged_tenant"
```
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lateen.filterkit.host.driver import Driver

MakeFilter = Callable[..., "Driver"]


@pytest.fixture
def wasm_filter() -> MakeFilter:
    """`wasm_filter(module, configuration="", clusters=(), **options)`: a running proxy-wasm module.

    `module` is a path or the bytes, `configuration` text or plain data (which becomes JSON), `clusters` those that it
    may call; `options` are those of `lateen.filterkit.host.vm.Plugin`.
    """
    _needs("wasmtime")
    from lateen.filterkit.host.driver import wasm  # noqa: PLC0415 - pytest starts as fast as without it

    def make(module: Path | str | bytes, configuration: Any = "", **options: Any) -> Driver:
        code = module if isinstance(module, bytes) else Path(module).read_bytes()
        text = configuration if isinstance(configuration, str) else json.dumps(configuration)
        return wasm(code, text, **options)

    return make


@pytest.fixture
def lua_filter() -> MakeFilter:
    """`lua_filter(script, clusters=())`: a running script; a path, or the code itself if it has several lines."""
    _needs("lupa")
    from lateen.filterkit.host.driver import lua  # noqa: PLC0415 - pytest starts as fast as without it

    def make(script: Path | str, **options: Any) -> Driver:
        code = script if isinstance(script, str) and "\n" in script else Path(script).read_text()
        return lua(code, **options)

    return make


def _needs(module: str) -> None:
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"{module} is not installed: pip install 'lateen[filters]'") from error
