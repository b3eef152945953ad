"""The live tables: one row per edge, of requests and of connections."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rich.filesize import decimal
from rich.table import Table

from lateen.runtime.observe.edges import Edge, EdgeKey, TcpEdge

_MTLS = {True: "yes", False: "[red]no[/red]", None: "-"}


class Rates:
    """How fast the counter of each edge grows, per second."""

    def __init__(self) -> None:
        self._last: dict[EdgeKey, tuple[float, float]] = {}
        self._rates: dict[EdgeKey, float] = {}

    def update(self, counters: Mapping[EdgeKey, float], now: float | None = None) -> Mapping[EdgeKey, float]:
        """The rate of each edge since the last call; an edge seen for the first time has none."""
        now = time.monotonic() if now is None else now
        for key, count in counters.items():
            if key in self._last and now > self._last[key][0]:
                then, before = self._last[key]
                self._rates[key] = max(count - before, 0) / (now - then)
            self._last[key] = now, count
        return self._rates


def edge_table(edges: Mapping[EdgeKey, Edge], rates: Mapping[EdgeKey, float] | None = None) -> Table:
    """Edges as a table; with `rates` a column of requests per second, else of requests."""
    table = _table("requests", rates, "success", "p50 ms", "p99 ms")
    for key, edge in edges.items():
        table.add_row(
            *_edge(key),
            _volume(key, edge.requests, rates),
            _percent(edge.success),
            _milliseconds(edge.quantile(0.5)),
            _milliseconds(edge.quantile(0.99)),
            _MTLS[edge.mtls],
        )
    return table


def tcp_table(edges: Mapping[EdgeKey, TcpEdge], rates: Mapping[EdgeKey, float] | None = None) -> Table:
    """TCP edges as a table; with `rates` a column of connections per second, else of connections.

    Bytes are those of connections that have ended.
    """
    table = _table("connections", rates, "open", "success", "received", "sent")
    for key, edge in edges.items():
        table.add_row(
            *_edge(key),
            _volume(key, edge.opened, rates),
            f"{max(edge.opened - edge.closed, 0):.0f}",
            _percent(edge.success),
            decimal(int(edge.received)),
            decimal(int(edge.sent)),
            _MTLS[edge.mtls],
        )
    return table


def _table(counted: str, rates: Mapping[EdgeKey, float] | None, *measured: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source -> destination", no_wrap=True)
    table.add_column("version", no_wrap=True)
    for title in (counted if rates is None else f"{counted}/s", *measured):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("mTLS")
    return table


def _edge(key: EdgeKey) -> tuple[str, str]:
    return f"{key.source} -> {key.destination}", key.version or "-"


def _volume(key: EdgeKey, count: float, rates: Mapping[EdgeKey, float] | None) -> str:
    return f"{count:.0f}" if rates is None else f"{rates.get(key, 0.0):.1f}"


def _percent(part: float) -> str:
    return "-" if math.isnan(part) else f"{100 * part:.1f}%"


def _milliseconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
