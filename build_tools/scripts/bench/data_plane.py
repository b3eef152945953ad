"""What a request costs the two sidecars on its way, and how long it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from bench.report import Table, note
from bench.sidecars import HOST, Way, ways
from lateen.runtime.child import Child

ROUNDS = 7
REQUESTS = 10_000
"""In each round, on each way."""

RATE = 2000
"""Requests per second, on all connections together: below what the machine could do, so that nothing queues."""

CONNECTIONS = 8
COMMAND = "make bench ARGS=data-plane"
_TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")


def measure(rounds: int = ROUNDS, requests: int = REQUESTS) -> list[Table]:
    """CPU per request in each sidecar, and latency, by way: medians over rounds that alternate between all ways."""
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    with TemporaryDirectory(prefix="lb") as folder, ways(Path(folder)) as all_ways:
        for way in all_ways:
            _load(way, requests // 10, Path(folder))
        for number in range(rounds):
            note(f"data-plane: round {number + 1} of {rounds}")
            for way in all_ways:
                before = _ticks(way.client), _ticks(way.server)
                times = _load(way, requests, Path(folder))
                used = _ticks(way.client) - before[0], _ticks(way.server) - before[1]
                cut = quantiles(times, n=100)
                found[way.name].append((*(u * _TICK_MICROSECONDS / requests for u in used), cut[49], cut[98]))
    typical = {name: [median(values) for values in zip(*runs, strict=True)] for name, runs in found.items()}
    both = {name: median(client + server for client, server, *_ in runs) for name, runs in found.items()}
    rows = tuple(
        (name, client, server, both[name], both[name] - both["bare Envoys"] if both[name] else 0.0, p50, p99)
        for name, (client, server, p50, p99) in typical.items()
    )
    columns = ("way", "client, us of CPU", "server, us of CPU", "both", "above bare", "p50, us", "p99, us")
    return [Table(f"Data plane: CPU per request and latency at {RATE} requests a second", COMMAND, columns, rows)]


def _ticks(sidecar: Child | None) -> int:
    """Clock ticks of CPU that a process has used, in user and system mode."""
    if sidecar is None:
        return 0
    fields = Path(f"/proc/{sidecar.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _load(way: Way, requests: int, folder: Path) -> list[float]:
    """Microseconds of each request. Raises RuntimeError if one is not answered with 200."""
    tool = shutil.which("h2load")
    if tool is None:
        raise RuntimeError("h2load is missing: make setup-bench")
    log = folder / "requests.tsv"
    log.unlink(missing_ok=True)
    options = (f"--requests={requests}", f"--clients={CONNECTIONS}", f"--rps={RATE / CONNECTIONS:g}")
    target = (f"--connect-to={way.address}:{HOST.rpartition(':')[2]}", f"http://{HOST}/")
    limit = 60 + 10 * requests / RATE
    argv = [tool, "--h1", *options, f"--log-file={log}", *target]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=True)
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    if len(lines) != requests or any(status != "200" for _, status, _ in lines):
        raise RuntimeError(f"{way.name}: not every request was answered with 200\n{done.stdout}")
    return [float(taken) for _, _, taken in lines]
