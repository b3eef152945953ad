"""Filters of each kind as extension configurations (ECDS), and the HTTP filters that fetch them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lateen.filterkit import native
from lateen.filterkit.catalog import Filter
from lateen.model.extension import Extension
from lateen.model.proxy import Proxy
from lateen.modules import Module
from lateen.xds.filters.chain import TYPES
from lateen.xds.snapshot import Config

MODULE_DIR = "/etc/lateen/modules"
WASM = f"{TYPES}.extensions.filters.http.wasm.v3.Wasm"
NETWORK_WASM = f"{TYPES}.extensions.filters.network.wasm.v3.Wasm"
LUA = f"{TYPES}.extensions.filters.http.lua.v3.Lua"

_POLICIES = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN", "FAIL_RELOAD": "FAIL_RELOAD"}


def discovered(name: str, *type_urls: str) -> Config:
    """A filter whose configuration is the extension config of the same name.

    Envoy waits for it: a connection manager without its policy must not serve.
    """
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"name": name, "config_discovery": {"config_source": source, "type_urls": list(type_urls)}}


def suite_module(wasm: Filter) -> Module:
    """The built module of a filter of the suite."""
    return Module(wasm.name, wasm.sha256, wasm.module_path)


def suite_extension(proxy: Proxy, name: str, suite: Filter, config: Any, extension: Extension | None = None) -> Config:
    """The extension config of a filter of the suite, by its kind; `config` is what the filter gets."""
    if suite.kind == "lua":
        return lua_extension(name, suite.lua(config))
    if suite.kind == "native":
        return {"name": name, "typed_config": native.typed_config(suite, config)}
    return wasm_extension(proxy, name, suite, config, extension)


def wasm_extension(proxy: Proxy, name: str, wasm: Filter, config: Any, extension: Extension | None = None) -> Config:
    """The extension config of a Wasm filter of the suite; `extension` is what the user says of it, where one does.

    `vm_id` is the instance's own, because VMs that share an id share their data. A module that traps is started anew
    (FAIL_RELOAD) unless the user says otherwise. Only one that reads bodies may hold headers back alone: for any other,
    Envoy would take a body that arrives as leave to let the paused headers go.
    """
    strategy = extension.fail_strategy if extension else ""
    machine = _machine(proxy, suite_module(wasm), extension)
    plugin: Config = {
        "name": name,
        "root_id": (extension.plugin_name if extension else "") or wasm.name,
        "vm_config": {
            "vm_id": f"lateen/{wasm.name}/{name}",
            **machine,
            "capability_restriction_config": restriction(wasm.capabilities),
        },
        "configuration": _configuration(config),
        "failure_policy": _POLICIES.get(strategy, wasm.failure_policy),
    }
    if wasm.reads_body:
        plugin["allow_on_headers_stop_iteration"] = True
    return {"name": name, "typed_config": {"@type": WASM, "config": plugin}}


def restriction(capabilities: Iterable[str]) -> Config:
    """Envoy's capability_restriction_config: a call that is not named fails, a callback that is not named never comes.

    An empty map would allow everything; a module that Envoy can load has one callback at least.
    """
    return {"allowed_capabilities": {name: {} for name in capabilities}}


def module_extension(proxy: Proxy, name: str, extension: Extension, module: Module) -> Config:
    """The extension config of a module that was fetched, as Istio makes it: without `vm_id`, closed when it traps.

    Source: Istio, `TrafficExtensionWrapper.buildWasmConfig`. What Istio adds to the environment for its agent, which
    takes it away again, is not there.
    """
    plugin: Config = {"name": extension.title}
    if extension.plugin_name:
        plugin["root_id"] = extension.plugin_name
    plugin["vm_config"] = _machine(proxy, module, extension)
    if extension.config:
        plugin["configuration"] = _configuration(extension.config)
    plugin["failure_policy"] = _POLICIES.get(extension.fail_strategy, "FAIL_CLOSED")
    kind = NETWORK_WASM if extension.type == "NETWORK" else WASM
    return {"name": name, "typed_config": {"@type": kind, "config": plugin}}


def lua_extension(name: str, source: str) -> Config:
    """The extension config of Lua code."""
    return {"name": name, "typed_config": {"@type": LUA, "default_source_code": {"inline_string": source}}}


def _machine(proxy: Proxy, module: Module, extension: Extension | None) -> Config:
    directory = str(proxy.metadata.get("LATEEN_MODULE_DIR", MODULE_DIR))
    machine: Config = {
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": f"{directory}/{module.file_name}"}},
    }
    environment: Config = {}
    if extension and extension.host_env:
        environment["host_env_keys"] = list(extension.host_env)
    if extension and extension.env:
        environment["key_values"] = dict(extension.env)
    return machine | ({"environment_variables": environment} if environment else {})


def _configuration(config: Any) -> Config:
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
