"""What a request costs the two sidecars on its way, and how long it takes."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from bench.report import Table, note
from bench.sidecars import HOST, NAMES, Way, ways
from lateen.filterkit.bench.load import RATE, Request, load

STARTS = 4
"""How often all Envoys are started anew: of two equal ones, one may cost a tenth more for as long as it lives."""

ROUNDS = 3
"""For each start."""

REQUESTS = 8_000
"""In each round, on each way."""

COMMAND = "make bench ARGS=data-plane"


def measure(starts: int = STARTS, rounds: int = ROUNDS, requests: int = REQUESTS) -> list[Table]:
    """CPU per request in each sidecar, and latency, by way: medians over rounds that alternate between all ways."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    for start in range(starts):
        with TemporaryDirectory(prefix="lb") as folder, ways(Path(folder)) as all_ways:
            for way in all_ways:
                _load(way, requests // 10, Path(folder))
            for number in range(rounds):
                note(f"data-plane: start {start + 1} of {starts}, round {number + 1} of {rounds}")
                # In another order each time: what ran before tells on what comes after it.
                for way in random.Random(f"{start} {number}").sample(all_ways, len(all_ways)):  # noqa: S311
                    found[way.name].append(_round(way, requests, Path(folder)))
    typical = {name: [median(values) for values in zip(*runs, strict=True)] for name, runs in found.items()}
    both = {name: median(client + server for client, server, *_ in runs) for name, runs in found.items()}
    rows = tuple(
        (name, client, server, both[name], both[name] - both["bare Envoys"] if both[name] else 0.0, p50, p99)
        for name, (client, server, p50, p99) in typical.items()
    )
    columns = ("way", "client, us of CPU", "server, us of CPU", "both", "above bare", "p50, us", "p99, us")
    return [Table(f"Data plane: CPU per request and latency at {RATE} requests a second", COMMAND, columns, rows)]


def _round(way: Way, requests: int, folder: Path) -> tuple[float, ...]:
    """Microseconds: of CPU per request in the client's and the server's sidecar, p50 and p99 of the latency."""
    before = _cpu(way)
    times = _load(way, requests, folder)
    used = (1e6 * (after - then) / requests for then, after in zip(before, _cpu(way), strict=True))
    cut = quantiles(times, n=100)
    return (*used, cut[49], cut[98])


def _cpu(way: Way) -> tuple[float, float]:
    """Seconds of CPU that the two sidecars have used."""
    client, server = (sidecar.cpu if sidecar else 0.0 for sidecar in (way.client, way.server))
    return client, server


def _load(way: Way, requests: int, folder: Path) -> list[float]:
    """Microseconds of each request. Raises LoadError if one is not answered with 200."""
    request = Request(f"http://{HOST}/", connect_to=f"{way.address}:{HOST.rpartition(':')[2]}")
    return load(request, requests, folder)
