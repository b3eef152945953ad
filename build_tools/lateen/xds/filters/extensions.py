"""Filters that users add by TrafficExtension or WasmPlugin, at their phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lateen.filterkit import native
from lateen.filterkit.catalog import Filter, catalog
from lateen.model.extension import Extension
from lateen.modules import Module
from lateen.scope.extensions import PHASES
from lateen.scope.views import ProxyScope
from lateen.xds.filters.chain import TYPES, Chain, Direction
from lateen.xds.filters.modules import NETWORK_WASM, as_users_say, module_extension, suite_module
from lateen.xds.filters.wasm import LUA, WASM, discovered, lua_extension, suite_extension
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

RBAC = f"{TYPES}.extensions.filters.http.rbac.v3.RBAC"
NETWORK_RBAC = f"{TYPES}.extensions.filters.network.rbac.v3.RBAC"

_PREFIX = "extensions.istio.io/trafficextension/"


def of_phase(phase: str) -> Callable[[Chain], list[Config]]:
    """The builder of one phase's HTTP filters."""

    def build(chain: Chain) -> list[Config]:
        return [_discovered(e) for e in _at(chain, network=False) if e.phase == phase]

    return build


def network_of_phase(phase: str) -> Callable[[Chain], list[Config]]:
    """The builder of one phase's network filters."""

    def build(chain: Chain) -> list[Config]:
        return [_discovered(e) for e in _at(chain, network=True) if e.phase == phase]

    return build


def before_http(chain: Chain) -> list[Config]:
    """The network filters of all phases, in front of a connection manager: its own filters are behind every one.

    Source: Istio, `buildInboundNetworkFiltersForHTTP`.
    """
    return [network_filter for phase in PHASES for network_filter in network_of_phase(phase)(chain)]


def resources(scope: ProxyScope) -> Resources:
    """The extension configs of every extension that selects this proxy."""
    placed = [extension for extension in scope.extensions if _in_place(extension)]
    return Resources(
        {resource_name(e): _extension(scope, e) for e in placed},
        {(resource_name(e), ""): e.ref.origin for e in placed},
    )


def modules(scope: ProxyScope) -> tuple[Module, ...]:
    """The modules that the extension configs name."""
    suite = (suite_filter(extension) for extension in scope.extensions)
    fetched = (extension.module for extension in scope.extensions)
    return (*(suite_module(s) for s in suite if s and s.kind == "wasm"), *(module for module in fetched if module))


def resource_name(extension: Extension) -> str:
    """Istio's name of the resource and of the filter."""
    return f"{_PREFIX}{extension.title}"


def suite_filter(extension: Extension) -> Filter | None:
    """The filter of the suite that `lateen://NAME` names, or None."""
    return catalog().get(extension.suite_name) if extension.suite_name else None


def usable(extension: Extension) -> bool:
    """Whether there is code to run: inline Lua, a filter of the suite, or a module that was fetched.

    A native filter is made from its configuration, so there is none without a right one.
    """
    suite = suite_filter(extension)
    if suite is not None and suite.kind == "native" and suite.problems(extension.config):
        return False
    return bool(extension.lua or extension.module or suite)


def is_network(extension: Extension) -> bool:
    """Whether it is a network filter; those of the suite are none."""
    return extension.type == "NETWORK" and not extension.suite_name


def applies(extension: Extension, chain: Chain) -> bool:
    """Whether some match covers the listener; no match covers all. Gateways count as clients, as in Istio."""
    side = "SERVER" if chain.direction is Direction.INBOUND else "CLIENT"
    return not extension.matches or any(
        match.mode in (side, "CLIENT_AND_SERVER", "UNDEFINED") and (not match.ports or chain.port in match.ports)
        for match in extension.matches
    )


def _at(chain: Chain, *, network: bool) -> list[Extension]:
    return [
        extension
        for extension in chain.scope.extensions
        if is_network(extension) is network and _in_place(extension) and applies(extension, chain)
    ]


def _in_place(extension: Extension) -> bool:
    """Whether it has a filter: what has no code to run is there to deny, unless it may fail open."""
    return usable(extension) or extension.fail_strategy != "FAIL_OPEN"


def _discovered(extension: Extension) -> Config:
    name, suite = resource_name(extension), suite_filter(extension)
    if extension.lua or (suite and suite.kind == "lua"):
        return discovered(name, LUA)
    if suite and suite.kind == "native" and usable(extension):
        return discovered(name, native.type_url(suite, _config(suite, extension)))
    return discovered(name, *((NETWORK_WASM, NETWORK_RBAC) if is_network(extension) else (WASM, RBAC)))


def _extension(scope: ProxyScope, extension: Extension) -> Config:
    name = resource_name(extension)
    if extension.module:
        return module_extension(scope.proxy, name, extension, extension.module)
    suite = suite_filter(extension)
    if suite and usable(extension):
        config = suite_extension(scope.proxy, name, suite, _config(suite, extension), extension.fail_strategy)
        return as_users_say(config, extension) if suite.kind == "wasm" else config
    return lua_extension(name, extension.lua) if extension.lua else _denial(name, extension)


def _config(suite: Filter, extension: Extension) -> Any:
    return suite.configuration(extension.config, dict(extension.files)).value


def _denial(name: str, extension: Extension) -> Config:
    """What stands in for a filter that is missing: RBAC without a policy denies everything."""
    if is_network(extension):
        return {"name": name, "typed_config": {"@type": NETWORK_RBAC, "rules": {}, "stat_prefix": "tcp."}}
    return {"name": name, "typed_config": {"@type": RBAC, "rules": {}}}
