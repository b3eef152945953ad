"""The live table: one row per edge."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rich.table import Table

from lateen.runtime.observe.edges import Edge, EdgeKey


class Rates:
    """Requests per second of each edge between two looks at its counter."""

    def __init__(self) -> None:
        self._last: dict[EdgeKey, tuple[float, float]] = {}
        self._rates: dict[EdgeKey, float] = {}

    def update(self, edges: Mapping[EdgeKey, Edge], now: float | None = None) -> Mapping[EdgeKey, float]:
        """The rate of each edge since the last call; an edge seen for the first time has none."""
        now = time.monotonic() if now is None else now
        for key, edge in edges.items():
            if key in self._last and now > self._last[key][0]:
                then, count = self._last[key]
                self._rates[key] = max(edge.requests - count, 0) / (now - then)
            self._last[key] = now, edge.requests
        return self._rates


def edge_table(edges: Mapping[EdgeKey, Edge], rates: Mapping[EdgeKey, float] | None = None) -> Table:
    """Edges as a table; with `rates` a column of requests per second, else of requests."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source -> destination", no_wrap=True)
    table.add_column("version", no_wrap=True)
    for title in ("requests/s" if rates is not None else "requests", "success", "p50 ms", "p99 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("mTLS")
    for key, edge in edges.items():
        volume = f"{rates.get(key, 0.0):.1f}" if rates is not None else f"{edge.requests:.0f}"
        table.add_row(
            f"{key.source} -> {key.destination}",
            key.version or "-",
            volume,
            _percent(edge.success),
            _milliseconds(edge.quantile(0.5)),
            _milliseconds(edge.quantile(0.99)),
            {True: "yes", False: "[red]no[/red]", None: "-"}[edge.mtls],
        )
    return table


def _percent(part: float) -> str:
    return "-" if math.isnan(part) else f"{100 * part:.1f}%"


def _milliseconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
