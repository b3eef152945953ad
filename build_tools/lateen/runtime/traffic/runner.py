"""Running TrafficTests: once, with a verdict; or again and again, as traffic."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lateen.diagnostics import Diagnostic
from lateen.model.mesh import Mesh
from lateen.runtime.observe.scrape import Scraped, scrape, total
from lateen.runtime.running import RunningMesh
from lateen.runtime.traffic.caller import Answer, Caller, Route
from lateen.runtime.traffic.calllog import CallLogs
from lateen.runtime.traffic.cases import Call, MetricCheck, TrafficTest
from lateen.runtime.traffic.evaluate import Hosts, failures

METRICS_WAIT = 15.0  # seconds; histograms appear at Envoy's next flush (5 s)
PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation with what did not hold; no failures: it held."""

    test: str
    name: str
    failures: tuple[str, ...]
    origin: str

    @property
    def held(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on every call and metric of some tests."""

    results: tuple[Result, ...]

    @property
    def held(self) -> bool:
        """Whether every expectation held."""
        return all(r.held for r in self.results)


def run_once(running: RunningMesh, mesh: Mesh, tests: Sequence[TrafficTest]) -> Report:
    """Make every call of `tests` its number of times, then look at metrics.

    `mesh` is the placed mesh. A call that cannot be made is a failure of that call.
    """
    caller = Caller(running, mesh)
    logs = CallLogs(running.proxies)
    hosts = Hosts(
        {p.address: p.owner for p in running.proxies} | {a.address: a.owner for a in running.apps if not a.proxied},
        {p.address: p.key for p in running.proxies},
    )
    try:
        results = [
            Result(test.name, call.name, tuple(_run_call(caller, logs, hosts, call)), str(call.origin))
            for test in tests
            for call in test.calls
        ]
    finally:
        caller.close()
    results += _check_metrics(running, tests)
    return Report(tuple(results))


def _run_call(caller: Caller, logs: CallLogs, hosts: Hosts, call: Call) -> list[str]:
    route = caller.route(call)
    if isinstance(route, Diagnostic):
        return [f"{route.code} {route.message}"]
    answers = _make_all(caller, call, route)
    entry = route.entry.key if route.entry else ""
    wanted = {a.call: [entry] if entry else [] for a in answers if not a.error}
    logs.wait_for(wanted)
    if call.expect.request_headers or call.expect.denied_by:
        logs.wait_for({c: keys + _destinations(logs, c, hosts.proxies) for c, keys in wanted.items()})
    return failures(call, answers, {a.call: logs.of(a.call) for a in answers}, entry, hosts)


def _destinations(logs: CallLogs, call: str, proxies: Mapping[str, str]) -> list[str]:
    """The proxies that a call was sent on to, as those say that have written of it."""
    hosts = (entry.upstream_host.rpartition(":")[0] for entry in logs.of(call) if entry.direction != "inbound")
    return [proxies[host] for host in hosts if host in proxies]


def _make_all(caller: Caller, call: Call, route: Route) -> list[Answer]:
    if call.times == 1:
        return [caller.make(call, route)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda _: caller.make(call, route), range(call.times)))


def _check_metrics(running: RunningMesh, tests: Sequence[TrafficTest]) -> list[Result]:
    """Every metric check, asked again until it holds or time is up."""
    checks = [(test.name, check) for test in tests for check in test.metrics]
    deadline = time.monotonic() + METRICS_WAIT
    while True:
        families = scrape(running.proxies)
        results = [Result(test, str(check), _metric(families, check), str(check.origin)) for test, check in checks]
        if all(r.held for r in results) or time.monotonic() > deadline:
            return results
        time.sleep(0.5)


def _metric(scraped: Sequence[Scraped], check: MetricCheck) -> tuple[str, ...]:
    value = total(scraped, check.name, check.labels)
    return () if value > check.above else (f"expected above {check.above:g}, got {value:g}",)


def repeat(
    running: RunningMesh,
    mesh: Mesh,
    tests: Sequence[TrafficTest],
    stop: threading.Event,
    rate: float = 20.0,
    answered: Callable[[Call, Answer], None] = lambda _call, _answer: None,
) -> None:
    """Make the calls of `tests` in turn, `rate` a second where answers come in time, until `stop` is set.

    `answered` is told of each answer, from threads of a pool. Calls that cannot be made are left out.
    """
    caller = Caller(running, mesh)
    ways = [(call, route) for test in tests for call in test.calls if isinstance(route := caller.route(call), Route)]
    if not ways:
        return

    free = threading.Semaphore(PARALLEL)  # calls that hang must not pile up behind each other

    def make(call: Call, route: Route) -> None:
        try:
            answered(call, caller.make(call, route))
        finally:
            free.release()

    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            for call, route in itertools.cycle(ways):
                if stop.wait(1 / rate):
                    return
                free.acquire()
                pool.submit(make, call, route)
    finally:
        caller.close()
