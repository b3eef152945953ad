"""One filter, measured: CPU, latency and memory on every way, in rounds that alternate between them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lateen.filterkit.bench.load import Request, load
from lateen.filterkit.bench.plan import Plan
from lateen.filterkit.bench.process import Server, serving
from lateen.filterkit.bench.ways import EMPTY, FILTER, NATIVE, NONE, application, ways
from lateen.filterkit.catalog import Filter

ROUNDS = 7
REQUESTS = 4000
"""In each round, on each way."""

MORE_WORKERS = 5
"""Memory of one worker is a quarter of what an Envoy with so many holds above one with a single one."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One way: medians over the rounds.

    `cpu`, `p50` and `p99` are microseconds, of CPU and of waiting; `resident` and `per_worker` are KB of memory, of an
    Envoy with one worker and of each further worker.
    """

    cpu: float
    p50: float
    p99: float
    resident: int
    per_worker: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a filter costs. `ways` are figures by name; `differences` microseconds of CPU in each round, by `A - B`."""

    filter: str
    ways: Mapping[str, Figures]
    differences: Mapping[str, tuple[float, ...]]

    def above(self, base: str, way: str = FILTER) -> float | None:
        """The median of the differences between two ways in the same round; None if one was not measured."""
        found = self.differences.get(f"{way} - {base}")
        return median(found) if found else None

    def ratio(self, base: str, way: str = FILTER) -> float | None:
        """How many times the CPU above no filter `way` takes of what `base` takes; None if that cannot be said."""
        more, less = self.above(NONE, way), self.above(NONE, base)
        return more / less if more is not None and less is not None and less > 0 else None


def measure(
    suite: Filter,
    plan: Plan,
    binary: Path,
    rounds: int = ROUNDS,
    requests: int = REQUESTS,
    note: Callable[[str], None] = lambda _text: None,
) -> Measurement:
    """Measure a filter by its plan.

    Raises NotServingError or LoadError if an Envoy does not start with it or does not answer as the plan says.
    """
    with tempfile.TemporaryDirectory(prefix="lateen-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        upstreams = stack.enter_context(_upstreams(plan, binary, folder))
        configs = ways(suite, plan, upstreams, folder)
        memory = {way: _memory(config, plan, binary, folder) for way, config in configs.items()}
        servers = {
            way: stack.enter_context(serving(binary, config, folder, f"way-{number}"))
            for number, (way, config) in enumerate(configs.items())
        }
        for server in servers.values():
            _load(server, plan, max(requests // 10, 1), folder)
        taken: dict[str, list[tuple[float, float, float]]] = {way: [] for way in servers}
        for number in range(rounds):
            note(f"{suite.name}: round {number + 1} of {rounds}")
            for way, server in servers.items():
                taken[way].append(_round(server, plan, requests, folder))
    return Measurement(
        suite.name,
        {way: _figures(found, memory[way]) for way, found in taken.items()},
        {
            f"{way} - {base}": tuple(a[0] - b[0] for a, b in zip(taken[way], taken[base], strict=True))
            for base in (NONE, EMPTY, NATIVE)
            for way in taken
            if base in taken and way != base
        },
    )


def _figures(rounds: Sequence[tuple[float, float, float]], memory: tuple[int, float]) -> Figures:
    cpu, p50, p99 = (median(values) for values in zip(*rounds, strict=True))
    return Figures(cpu, p50, p99, *memory)


def _round(server: Server, plan: Plan, requests: int, folder: Path) -> tuple[float, float, float]:
    """Microseconds of CPU per request, and those that half and 99 of 100 requests took at most."""
    before = server.cpu
    times = _load(server, plan, requests, folder)
    used = 1e6 * (server.cpu - before) / requests
    cut = quantiles(times, n=100) if len(times) > 1 else times * 99
    return used, cut[49], cut[98]


def _memory(config: dict[str, Any], plan: Plan, binary: Path, folder: Path) -> tuple[int, float]:
    held = []
    for workers in (1, MORE_WORKERS):
        with serving(binary, config, folder, f"memory-{workers}", workers) as server:
            _load(server, plan, 200, folder)
            held.append(server.resident)
    return held[0], (held[1] - held[0]) / (MORE_WORKERS - 1)


def _load(server: Server, plan: Plan, requests: int, folder: Path) -> list[float]:
    url = f"http://127.0.0.1:{server.ports['web']}{plan.path}"
    return load(Request(url, plan.headers, plan.body, plan.status), requests, folder)


@contextmanager
def _upstreams(plan: Plan, binary: Path, folder: Path) -> Iterator[dict[str, int]]:
    """The servers that answer for the plan's clusters, by the port of each."""
    if not plan.clusters:
        yield {}
        return
    with serving(binary, application(plan.clusters), folder, "application") as server:
        yield server.ports
