"""Filters that users add by TrafficExtension or WasmPlugin, at their phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lateen.filterkit import native
from lateen.filterkit.catalog import Filter, catalog
from lateen.model.extension import Extension
from lateen.scope.views import ProxyScope
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.filters.wasm import LUA, WASM, discovered, lua_extension, suite_extension
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

SCHEME = "lateen://"

_PREFIX = "extensions.istio.io/trafficextension/"


def of_phase(phase: str) -> Callable[[Chain], list[Config]]:
    """The builder of one phase's filters."""

    def build(chain: Chain) -> list[Config]:
        return [
            discovered(resource_name(extension), _type(extension))
            for extension in chain.scope.extensions
            if extension.phase == phase and usable(extension) and applies(extension, chain)
        ]

    return build


def resources(scope: ProxyScope) -> Resources:
    """The extension configs of every extension that selects this proxy."""
    usable_ones = [extension for extension in scope.extensions if usable(extension)]
    return Resources(
        {resource_name(e): _extension(scope, e) for e in usable_ones},
        {(resource_name(e), ""): e.ref.origin for e in usable_ones},
    )


def resource_name(extension: Extension) -> str:
    """Istio's name of the resource and of the filter; a WasmPlugin is a TrafficExtension that Istio has translated."""
    translated = "~istio-translated-wasmplugin" if extension.ref.kind == "WasmPlugin" else ""
    return f"{_PREFIX}{extension.ref.namespace}.{extension.ref.name}{translated}"


def suite_filter(extension: Extension) -> Filter | None:
    """The filter of the suite that `lateen://NAME` names, or None."""
    if not extension.url.startswith(SCHEME):
        return None
    return catalog().get(extension.url.removeprefix(SCHEME))


def usable(extension: Extension) -> bool:
    """Whether there is code to run: inline Lua, or a filter of the suite. Analysis reports what is not.

    A native filter is made from its configuration, so there is none without a right one.
    """
    suite = suite_filter(extension)
    if suite is not None and suite.kind == "native" and suite.problems(extension.config):
        return False
    return extension.type == "HTTP" and (bool(extension.lua) or suite is not None)


def applies(extension: Extension, chain: Chain) -> bool:
    """Whether some match covers the listener; no match covers all. Gateways count as clients, as in Istio."""
    side = "SERVER" if chain.direction is Direction.INBOUND else "CLIENT"
    return not extension.matches or any(
        match.mode in (side, "CLIENT_AND_SERVER", "UNDEFINED") and (not match.ports or chain.port in match.ports)
        for match in extension.matches
    )


def _type(extension: Extension) -> str:
    suite = suite_filter(extension)
    if suite is None or suite.kind == "lua":
        return LUA
    return native.type_url(suite, _config(suite, extension)) if suite.kind == "native" else WASM


def _extension(scope: ProxyScope, extension: Extension) -> Config:
    name = resource_name(extension)
    suite = suite_filter(extension)
    if suite is None:
        return lua_extension(name, extension.lua)
    return suite_extension(scope.proxy, name, suite, _config(suite, extension), extension.fail_strategy)


def _config(suite: Filter, extension: Extension) -> Any:
    return suite.configuration(extension.config, dict(extension.files)).value
