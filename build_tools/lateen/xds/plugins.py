"""Filters that an installed Python package adds: the entry point group `lateen.filters`.

A plug-in speaks envoy-data-plane, so it can configure any HTTP filter that Envoy has. See docs/plugins.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast, runtime_checkable

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.plugins import PLUGIN_FAILED
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.snapshot import Config

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

GROUP = "lateen.filters"
DIRECTIONS: tuple[Direction, ...] = ("inbound", "outbound", "gateway")
PHASES = ("AUTHN", "AUTHZ", "STATS", "UNSPECIFIED")
_HTTP_FILTER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"

Direction = Literal["inbound", "outbound", "gateway"]


@runtime_checkable
class FilterPlugin(Protocol):
    """What an entry point of the group names: such an object, or a class or function that gives one when called.

    `phase` is one of Istio's: AUTHN, AUTHZ, STATS or UNSPECIFIED; plug-ins of a phase stand behind its extensions, in
    the order of their entry points' names.
    """

    phase: str

    def http_filters(self, proxy: Proxy, direction: Direction) -> Sequence[HttpFilter]:
        """The filters of the connection managers of that direction; none to leave them as they are.

        Equal arguments must give equal filters. An exception becomes a finding.
        """
        ...


class PluginFilter(NamedTuple):
    """A filter of a plug-in in canonical form."""

    name: str
    phase: str
    config: Config


def http_filters(proxy: Proxy, direction: Direction) -> tuple[PluginFilter, ...]:
    """What all plug-ins add to the connection managers of that direction; a plug-in that fails adds nothing."""
    return tuple(found for point in _entry_points() for found in _ask(point, proxy, direction)[0])


def findings(proxy: Proxy) -> tuple[Diagnostic, ...]:
    """What is wrong with plug-ins when this proxy is compiled."""
    found = (_ask(point, proxy, direction)[1] for point in _entry_points() for direction in DIRECTIONS)
    return tuple(dict.fromkeys(finding for findings in found for finding in findings))


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)))


@lru_cache(maxsize=1024)
def _ask(
    point: EntryPoint, proxy: Proxy, direction: Direction
) -> tuple[tuple[PluginFilter, ...], tuple[Diagnostic, ...]]:
    """The filters of one plug-in, or why it has none."""
    try:
        plugin = _load(point)
        filters = [_converted(plugin.phase, message) for message in plugin.http_filters(proxy, direction)]
    except Exception as error:
        problem = str(error) if isinstance(error, _PluginError) else f"raised {type(error).__name__}: {error}"
        origin = Origin(file=point.value, resource=f"plug-in {point.name}")
        return (), (PLUGIN_FAILED.at(origin, plugin=point.name, problem=problem, hint=PLUGIN_FAILED.fix),)
    return tuple(filters), ()


class _PluginError(Exception):
    """A plug-in that breaks the contract; the text completes `the plug-in X ...`."""


@cache
def _load(point: EntryPoint) -> FilterPlugin:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # hundreds, of envoy-data-plane's own use of pydantic
        given = point.load()
    plugin = given if isinstance(given, FilterPlugin) and not isinstance(given, type) else given()
    if not isinstance(plugin, FilterPlugin):
        raise _PluginError("has no phase or no http_filters")
    if plugin.phase not in PHASES:
        raise _PluginError(f"has the phase {plugin.phase!r}, which is none of {', '.join(PHASES)}")
    return plugin


def _converted(phase: str, message: object) -> PluginFilter:
    """The message by way of the wire format: the library's own JSON is wrong for names with digits."""
    if type(message).__name__ != "HttpFilter":
        raise _PluginError(f"gave a {type(message).__name__} where an HttpFilter must be")
    schema = Schema.default()
    config = schema.decode(_HTTP_FILTER, bytes(cast("HttpFilter", message)))
    violations = schema.validate(_HTTP_FILTER, config)
    if violations:
        raise _PluginError(f"gave the filter {config.get('name', '')!r} that Envoy rejects: {violations[0]}")
    return PluginFilter(config["name"], phase, config)
