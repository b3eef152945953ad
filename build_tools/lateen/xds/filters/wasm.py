"""Wasm and Lua filters as extension configurations (ECDS), and the filters that fetch them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lateen.filterkit import native
from lateen.filterkit.catalog import Filter
from lateen.model.proxy import Proxy
from lateen.xds.filters.chain import TYPES
from lateen.xds.snapshot import Config

MODULE_DIR = "/etc/lateen/modules"
WASM = f"{TYPES}.extensions.filters.http.wasm.v3.Wasm"
LUA = f"{TYPES}.extensions.filters.http.lua.v3.Lua"

FAILURE_POLICIES = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN", "FAIL_RELOAD": "FAIL_RELOAD"}
"""Istio's `failStrategy` to Envoy's `failure_policy`."""


def discovered(name: str, *type_urls: str) -> Config:
    """A filter whose configuration is the extension config of the same name.

    Envoy waits for it: a connection manager without its policy must not serve.
    """
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"name": name, "config_discovery": {"config_source": source, "type_urls": list(type_urls)}}


def suite_extension(proxy: Proxy, name: str, suite: Filter, config: Any, fail_strategy: str = "") -> Config:
    """The extension config of a filter of the suite, by its kind; `config` is what the filter gets."""
    if suite.kind == "lua":
        return lua_extension(name, suite.lua(config))
    if suite.kind == "native":
        return {"name": name, "typed_config": native.typed_config(suite, config)}
    return wasm_extension(proxy, name, suite, config, fail_strategy)


def wasm_extension(proxy: Proxy, name: str, wasm: Filter, config: Any, fail_strategy: str = "") -> Config:
    """The extension config of a Wasm filter of the suite.

    `vm_id` is the instance's own, because VMs that share an id share their data. A module that traps is started anew
    (FAIL_RELOAD) unless the user says otherwise. Only one that reads bodies may hold headers back alone: for any other,
    Envoy would take a body that arrives as leave to let the paused headers go. The machine gets the variables of
    Envoy's process that the configuration names, and no others.
    """
    directory = str(proxy.metadata.get("LATEEN_MODULE_DIR", MODULE_DIR))
    machine: Config = {
        "vm_id": f"lateen/{wasm.name}/{name}",
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": f"{directory}/{wasm.module_name}"}},
        "capability_restriction_config": restriction(wasm.capabilities),
    }
    if variables := wasm.variables(config):
        machine["environment_variables"] = {"host_env_keys": variables}
    plugin: Config = {
        "name": name,
        "root_id": wasm.name,
        "vm_config": machine,
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        },
        "failure_policy": FAILURE_POLICIES.get(fail_strategy, wasm.failure_policy),
    }
    if wasm.reads_body:
        plugin["allow_on_headers_stop_iteration"] = True
    return {"name": name, "typed_config": {"@type": WASM, "config": plugin}}


def restriction(capabilities: Iterable[str]) -> Config:
    """Envoy's capability_restriction_config: a call that is not named fails, a callback that is not named never comes.

    An empty map would allow everything; a module that Envoy can load has one callback at least.
    """
    return {"allowed_capabilities": {name: {} for name in capabilities}}


def lua_extension(name: str, source: str) -> Config:
    """The extension config of Lua code."""
    return {"name": name, "typed_config": {"@type": LUA, "default_source_code": {"inline_string": source}}}
