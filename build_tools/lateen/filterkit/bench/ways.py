"""The Envoys between which a filter is compared: they differ in the filter before the router and in nothing else."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lateen.filterkit.bench.plan import Plan
from lateen.filterkit.catalog import Filter, empty_module
from lateen.model.proxy import Proxy
from lateen.xds.bootstrap import address, host_cluster
from lateen.xds.filters.wasm import lua_extension, suite_extension, wasm_extension

Config = dict[str, Any]

NONE, EMPTY, FILTER, NATIVE = "no filter", "empty", "filter", "native"
"""`empty` is a module, or Lua code, that is entered for each request and does nothing; native filters have none."""

_TYPES = "type.googleapis.com/envoy"
_LOOPBACK = "127.0.0.1"
_EMPTY_LUA = "function envoy_on_request(handle)\nend\n"
_EMPTY_FILE = "empty.wasm"
_BUFFER: Config = {
    "name": "buffer",
    "typed_config": {
        "@type": f"{_TYPES}.extensions.filters.http.buffer.v3.Buffer",
        "max_request_bytes": 1 << 20,
    },
}


def ways(suite: Filter, plan: Plan, upstreams: Mapping[str, int], folder: Path) -> dict[str, Config]:
    """A bootstrap for each way, by its name. `upstreams` are ports of clusters; `folder` gets the modules."""
    filters: dict[str, list[Any]] = {NONE: []}
    if suite.kind == "wasm":
        filters |= {EMPTY: [_empty_wasm(suite, plan, folder)], FILTER: [_wasm(suite, plan, folder)]}
    elif suite.kind == "lua":
        filters |= {EMPTY: [lua_extension(EMPTY, _EMPTY_LUA)], FILTER: [lua_extension(FILTER, suite.lua(plan.config))]}
    else:
        filters[FILTER] = [suite_extension(Proxy("bench"), FILTER, suite, plan.config)]
    if plan.native:
        filters[NATIVE] = list(plan.native)
    return {name: _bootstrap(given, plan, upstreams) for name, given in filters.items()}


def application(answers: Mapping[str, Mapping[str, Any]]) -> Config:
    """An Envoy that answers for other servers: a listener for each, by its name."""
    listeners = [
        _listener(name, [], {"status": answer.get("status", 200)}, answer.get("headers", ()))
        for name, answer in answers.items()
    ]
    return {"admin": {"address": address(_LOOPBACK, 0)}, "static_resources": {"listeners": listeners}}


def _bootstrap(filters: list[Any], plan: Plan, upstreams: Mapping[str, int]) -> Config:
    answer = {"status": plan.status, "body": {"inline_string": "hello\n"}}
    # Envoy closes a connection on which it answers before the request is there.
    whole = [] if plan.body is None else [_BUFFER]
    listener = _listener("web", [*filters, *whole], answer, ()) | {"traffic_direction": plan.direction.upper()}
    clusters = [host_cluster(name, address(_LOOPBACK, port)) for name, port in upstreams.items()]
    return {
        "node": {"id": "bench", "cluster": "bench"},
        "admin": {"address": address(_LOOPBACK, 0)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def _listener(name: str, filters: list[Any], answer: Config, headers: Iterable[tuple[str, str]]) -> Config:
    added = [{"header": {"key": key, "value": value}} for key, value in headers]
    route = {"match": {"prefix": "/"}, "direct_response": answer, "response_headers_to_add": added}
    router = {"name": "router", "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, router],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"name": name, "address": address(_LOOPBACK, 0), "filter_chains": [chain]}


def _wasm(suite: Filter, plan: Plan, folder: Path) -> Config:
    (folder / suite.module_name).write_bytes(suite.module())
    return wasm_extension(Proxy("bench", metadata={"LATEEN_MODULE_DIR": str(folder)}), FILTER, suite, plan.config)


def _empty_wasm(suite: Filter, plan: Plan, folder: Path) -> Config:
    (folder / _EMPTY_FILE).write_bytes(empty_module())
    extension = copy.deepcopy(_wasm(suite, plan, folder))
    plugin = extension["typed_config"]["config"]
    code = {"local": {"filename": str(folder / _EMPTY_FILE)}}
    plugin["vm_config"] = {"vm_id": "lateen/empty", "runtime": plugin["vm_config"]["runtime"], "code": code}
    del plugin["configuration"]
    return extension
