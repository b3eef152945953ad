"""Wasm and Lua filters as extension configurations (ECDS), and the filters that fetch them."""

from __future__ import annotations

import json
from typing import Any

from lateen.filterkit.catalog import Filter
from lateen.model.proxy import Proxy
from lateen.xds.filters.chain import TYPES
from lateen.xds.snapshot import Config

MODULE_DIR = "/etc/lateen/modules"
WASM = f"{TYPES}.extensions.filters.http.wasm.v3.Wasm"
LUA = f"{TYPES}.extensions.filters.http.lua.v3.Lua"

_POLICIES = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN", "FAIL_RELOAD": "FAIL_RELOAD"}


def discovered(name: str, *type_urls: str) -> Config:
    """A filter whose configuration is the extension config of the same name.

    Envoy waits for it: a connection manager without its policy must not serve.
    """
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"name": name, "config_discovery": {"config_source": source, "type_urls": list(type_urls)}}


def wasm_extension(proxy: Proxy, name: str, wasm: Filter, config: Any, fail_strategy: str = "") -> Config:
    """The extension config of a Wasm filter of the suite.

    `vm_id` is the instance's own, because VMs that share an id share their data. A module that traps is started anew
    (FAIL_RELOAD) unless the user says otherwise.
    """
    directory = str(proxy.metadata.get("LATEEN_MODULE_DIR", MODULE_DIR))
    machine = {
        "vm_id": f"lateen/{wasm.name}/{name}",
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": f"{directory}/{wasm.module_name}"}},
    }
    plugin = {
        "name": name,
        "root_id": wasm.name,
        "vm_config": machine,
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        },
        "failure_policy": _POLICIES.get(fail_strategy, wasm.failure_policy),
        "allow_on_headers_stop_iteration": True,
    }
    return {"name": name, "typed_config": {"@type": WASM, "config": plugin}}


def lua_extension(name: str, source: str) -> Config:
    """The extension config of Lua code."""
    return {"name": name, "typed_config": {"@type": LUA, "default_source_code": {"inline_string": source}}}
