"""Istio's standard metrics from Envoy's native stats access logger.

Requests are counted when they end. Of connections the opening is counted when there is one to the upstream host, or
when it is known that there will be none; all else at the end: the logger's byte counts are those since the start of the
connection, so a report in between would count bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lateen.scope.views import Metric
from lateen.xds.access_log import AT_END, expression_filter
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.metric_labels import chosen, http_labels, tcp_labels
from lateen.xds.snapshot import Config

NAME = "istio.stats"
NAMESPACE = "wasmcustom"
"""The stat scope whose metrics are exposed without `envoy_`, once a Wasm module is loaded."""

# Labels may hold what a client chose, such as the host of an outbound request: their number is bounded. All loggers
# share the scope: with one of its own, a replaced listener's counts would go when it is drained.
_MAX_SERIES = 10_000
_SCOPE: Config = {
    "prefix": NAMESPACE,
    "sharing_name": NAME,
    "max_counters": _MAX_SERIES,
    "max_histograms": _MAX_SERIES,
}

_ONE: Config = {"value_fixed": 1}
_SENT, _RECEIVED = "%DOWNSTREAM_WIRE_BYTES_SENT%", "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"
_REQUESTS = {"REQUEST_COUNT": ("istio_requests_total", _ONE)}
_HISTOGRAMS: dict[str, tuple[str, Config]] = {
    "REQUEST_DURATION": (
        "istio_request_duration_milliseconds",
        {"unit": "Milliseconds", "value_format": "%DURATION%"},
    ),
    "REQUEST_SIZE": ("istio_request_bytes", {"unit": "Bytes", "value_format": _RECEIVED}),
    "RESPONSE_SIZE": ("istio_response_bytes", {"unit": "Bytes", "value_format": _SENT}),
}
_OPENED = {"TCP_OPENED_CONNECTIONS": ("istio_tcp_connections_opened_total", _ONE)}
_ENDED: dict[str, tuple[str, Config]] = {
    "TCP_CLOSED_CONNECTIONS": ("istio_tcp_connections_closed_total", _ONE),
    "TCP_SENT_BYTES": ("istio_tcp_sent_bytes_total", {"value_format": _SENT}),
    "TCP_RECEIVED_BYTES": ("istio_tcp_received_bytes_total", {"value_format": _RECEIVED}),
}

ON_CONNECTED: Config = {"flush_access_log_on_connected": True}
"""Access log options of a TCP proxy that counts connections as they are opened."""
_CONNECTED: Config = {"log_type_filter": {"types": ["TcpUpstreamConnected"]}}
_NEVER_CONNECTED: Config = {"and_filter": {"filters": [AT_END, expression_filter("!has(upstream.local_address)")]}}
_AT_OPENING: Config = {"or_filter": {"filters": [_CONNECTED, _NEVER_CONNECTED]}}


def stats_logs(chain: Chain) -> list[Config]:
    """The stats logger of a connection manager, or nothing where no metric is in force."""
    labels, metrics = http_labels(chain), _in_force(chain)
    return _logger(
        counters=_stats(_REQUESTS, labels, metrics),
        histograms=_stats(_HISTOGRAMS, labels, metrics),
    )


def tcp_stats_logs(chain: Chain, known: Mapping[str, str] | None) -> list[Config]:
    """The stats loggers of a TCP proxy: of the opening of connections, and of their end.

    `known` are `host`, `name` and `namespace` of the destination service as far as they are known; None: its cluster
    will tell.
    """
    labels, metrics = tcp_labels(chain, known), _in_force(chain)
    opened = _logger(counters=_stats(_OPENED, labels, metrics))
    ended = _logger(counters=_stats(_ENDED, labels, metrics))
    return [*(log | {"filter": _AT_OPENING} for log in opened), *(log | {"filter": AT_END} for log in ended)]


def _in_force(chain: Chain) -> tuple[Metric, ...]:
    telemetry = chain.scope.telemetry
    return telemetry.server_metrics if chain.direction is Direction.INBOUND else telemetry.client_metrics


def _logger(**stats: list[Config]) -> list[Config]:
    if not any(stats.values()):
        return []
    given = {kind: listed for kind, listed in stats.items() if listed}
    return [typed(NAME, "extensions.access_loggers.stats.v3.Config", stats_scope=_SCOPE, **given)]


def _stats(
    known: Mapping[str, tuple[str, Config]], labels: Mapping[str, Config], metrics: Iterable[Metric]
) -> list[Config]:
    return [
        {"stat": _stat(known[metric.name][0], labels, metric), **known[metric.name][1]}
        for metric in metrics
        if metric.name in known
    ]


def _stat(name: str, labels: Mapping[str, Config], metric: Metric) -> Config:
    given = dict(labels)
    for override in metric.tags:
        if override.operation == "REMOVE":
            given.pop(override.tag, None)
        else:
            given[override.tag] = chosen(override.value)
    return {"name": name, "tags": [{"name": tag, **value} for tag, value in given.items()]}
