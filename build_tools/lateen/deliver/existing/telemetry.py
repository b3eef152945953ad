"""Istio's metrics in connection managers and TCP proxies that somebody else configured.

Loggers that are there see what they saw: where a TCP proxy now tells of connections as they are made, they are told to
pass over it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lateen.deliver.existing.configuration import RESPONSE
from lateen.deliver.existing.sites import MANAGER, Site, inner, read, spelled
from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.scope.telemetry import METRICS
from lateen.scope.views import Metric, ProxyScope, TelemetryView
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.snapshot import Config
from lateen.xds.telemetry import NAME, stats_logs, tcp_stats_logs

LOGGER = "envoy.extensions.access_loggers.stats.v3.Config"

_ALL = tuple(Metric(name) for name in METRICS)
_DIRECTIONS: dict[Any, Direction] = {
    "INBOUND": Direction.INBOUND,
    "OUTBOUND": Direction.OUTBOUND,
    1: Direction.INBOUND,
    2: Direction.OUTBOUND,
}
_AT_END: Config = {"log_type_filter": {"types": ["DownstreamEnd"]}}
_NOT_CONNECTED: Config = {"log_type_filter": {"types": ["TcpUpstreamConnected"], "exclude": True}}
_OPTIONS = "access_log_options"
_ON_CONNECTED, _INTERVAL = "flush_access_log_on_connected", "access_log_flush_interval"


def direction(site: Site, otherwise: Direction) -> Direction:
    """The way that the site's listener faces, by its own word."""
    return _DIRECTIONS.get(read(site.listener, "traffic_direction"), otherwise)


def chain(proxy: Proxy, way: Direction) -> Chain:
    """What the compiler's loggers are made for: a proxy with all of Istio's standard metrics."""
    kind = "router" if way is Direction.GATEWAY else "sidecar"
    view = TelemetryView(client_metrics=_ALL, server_metrics=_ALL)
    scope = ProxyScope(replace(proxy, kind=kind), MeshConfig(), proxy.domain_suffix, telemetry=view)
    return Chain(scope, way)


def measure(site: Site, made_for: Chain) -> None:
    """Put the loggers in, and say on the listener which way it faces, which `peer_metadata` reads there."""
    way = made_for.direction
    said = read(site.listener, "traffic_direction") in _DIRECTIONS
    if site.listener is not None and way is not Direction.GATEWAY and not said:
        site.listener[spelled(site.listener, "traffic_direction")] = way.traffic
    if site.type == MANAGER:
        loggers = stats_logs(made_for)
        if _tells_before_the_end(site.config):
            loggers = [logger | {"filter": _AT_END} for logger in loggers]
    else:
        _tell_of_connecting(site.config)
        loggers = tcp_stats_logs(made_for, None)
    if site.file.message != RESPONSE:  # such a listener is never replaced; see xds/static.py
        loggers = [_unshared(logger) for logger in loggers]
    _replace(inner(site.config, "access_log", list), loggers)


def _replace(logs: list[Config], loggers: list[Config]) -> None:
    """Put loggers in the place of those of an earlier run, else at the end."""
    ours = [index for index, log in enumerate(logs) if _is_ours(log)]
    others = [log for log in logs if not _is_ours(log)]
    start = ours[0] if ours else len(logs)
    logs[:] = [*others[:start], *loggers, *others[start:]]


def _is_ours(log: Config) -> bool:
    return log.get("name") == NAME and str(read(log, "typed_config", {}).get("@type")).endswith(f"/{LOGGER}")


def _unshared(logger: Config) -> Config:
    typed = logger["typed_config"]
    scope = {key: value for key, value in typed["stats_scope"].items() if key != "sharing_name"}
    return logger | {"typed_config": typed | {"stats_scope": scope}}


def _tells_before_the_end(manager: Config) -> bool:
    """Whether a connection manager logs a request more than once."""
    options = read(manager, _OPTIONS, {})
    names = ("flush_access_log_on_new_request", _INTERVAL, "flush_log_on_tunnel_successfully_established")
    return any(read(message, name) for message in (manager, options) for name in names)


def _tell_of_connecting(proxy: Config) -> None:
    """Have a TCP proxy log connections when they are made.

    By the deprecated field if it uses that or its neighbour: Envoy refuses both kinds together.
    """
    old = any(read(proxy, name) is not None for name in (_ON_CONNECTED, _INTERVAL))
    options = proxy if old else inner(proxy, _OPTIONS)
    if read(options, _ON_CONNECTED):
        return
    options[spelled(options, _ON_CONNECTED)] = True
    for log in read(proxy, "access_log", []):
        if not _is_ours(log):
            given = read(log, "filter")
            log["filter"] = {"and_filter": {"filters": [given, _NOT_CONNECTED]}} if given else _NOT_CONNECTED
