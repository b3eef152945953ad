"""Modules that were fetched, as extension configurations, and what users say of the VM of any module."""

from __future__ import annotations

import json

from lateen.filterkit.catalog import Filter
from lateen.model.extension import Extension
from lateen.model.proxy import Proxy
from lateen.modules import Module
from lateen.xds.filters.chain import TYPES
from lateen.xds.filters.wasm import FAILURE_POLICIES, MODULE_DIR, WASM, restriction
from lateen.xds.snapshot import Config

NETWORK_WASM = f"{TYPES}.extensions.filters.network.wasm.v3.Wasm"


def suite_module(wasm: Filter) -> Module:
    """The built module of a filter of the suite."""
    return Module(wasm.name, wasm.sha256, wasm.module_path)


def module_extension(proxy: Proxy, name: str, extension: Extension, module: Module) -> Config:
    """The extension config of a module that was fetched, as Istio makes it: without `vm_id`, closed when it traps.

    It may do no more than it was built to do, which Istio does not see to. Source: Istio,
    `TrafficExtensionWrapper.buildWasmConfig`. What Istio adds to the environment for its agent, which takes it away
    again, is not there.
    """
    directory = str(proxy.metadata.get("LATEEN_MODULE_DIR", MODULE_DIR))
    machine: Config = {
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": f"{directory}/{module.file_name}"}},
    }
    if module.capabilities:
        machine["capability_restriction_config"] = restriction(module.capabilities)
    plugin: Config = {"name": extension.title, "vm_config": machine}
    if extension.config:
        text = json.dumps(extension.config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        plugin["configuration"] = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    plugin["failure_policy"] = FAILURE_POLICIES.get(extension.fail_strategy, "FAIL_CLOSED")
    kind = NETWORK_WASM if extension.type == "NETWORK" else WASM
    return as_users_say({"name": name, "typed_config": {"@type": kind, "config": plugin}}, extension)


def as_users_say(config: Config, extension: Extension) -> Config:
    """The extension config of a module with the root id and the environment that the user gives it.

    What it has already it keeps, unless the user gives a variable a value.
    """
    typed = config["typed_config"]
    plugin = typed["config"] | ({"root_id": extension.plugin_name} if extension.plugin_name else {})
    environment: Config = {}
    given = dict(extension.env)
    own = plugin["vm_config"].get("environment_variables", {}).get("host_env_keys", ())
    if names := [name for name in dict.fromkeys((*own, *extension.host_env)) if name not in given]:
        environment["host_env_keys"] = names
    if given:
        environment["key_values"] = given
    if environment:
        plugin["vm_config"] = plugin["vm_config"] | {"environment_variables": environment}
    return config | {"typed_config": typed | {"config": plugin}}
