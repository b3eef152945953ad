"""Scenarios on one real Envoy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from lateen.diagnostics import MeshError
from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.bootstrap import World
from lateen.filterkit.scenarios.clusters import Clusters
from lateen.filterkit.scenarios.compare import Meanwhile, Observation
from lateen.filterkit.scenarios.envoy import Envoy
from lateen.filterkit.scenarios.http1 import read_response, write_request
from lateen.filterkit.scenarios.message import Message
from lateen.filterkit.scenarios.pace import send, wait_until_read
from lateen.filterkit.scenarios.read import UPSTREAM
from lateen.filterkit.scenarios.scenario import Exchange, Pause, Scenario, Together
from lateen.filterkit.scenarios.server import LOOPBACK, reset
from lateen.filterkit.scenarios.upstream import Awaited, Upstream

_ANSWER_SECONDS = 10.0
_LATE_SECONDS = 1.0
"""How long to wait for calls and log lines that are expected and may follow the answer."""
_STEP = 0.005
_NOBODY = 9
"""A port that nothing is sent to."""


def observe(suite: Filter, scenarios: Sequence[Scenario], binary: Path, folder: Path) -> list[tuple[Observation, ...]]:
    """What came of each exchange of each scenario. Raises MeshError (LAT0607) if Envoy does not run with them."""
    exchanges = [exchange for scenario in scenarios for exchange in scenario.exchanges]
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream())
        clusters = stack.enter_context(Clusters(exchanges))
        world = World({UPSTREAM: upstream.port, **clusters.ports}, clusters.grpc)
        envoy = stack.enter_context(Envoy(binary, suite, scenarios, world, folder))
        runs = [_Run(index, envoy, upstream, clusters) for index in range(len(scenarios))]
        return [tuple(run.steps(scenario)) for run, scenario in zip(runs, scenarios, strict=True)]


def refuses(suite: Filter, scenario: Scenario, binary: Path, folder: Path) -> tuple[bool, list[str]]:
    """Whether Envoy starts with a configuration all the same, and its log."""
    folder.mkdir()
    try:
        with Envoy(binary, suite, (scenario,), World({UPSTREAM: _NOBODY}), folder):
            started = True
    except MeshError:
        started = False
    return started, _text(folder / "envoy.log").splitlines()


@dataclass(slots=True)
class _Sent:
    """A request on its way."""

    exchange: Exchange
    awaited: Awaited
    connection: socket.socket
    client: tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Run:
    """One scenario, through the listener of that number."""

    listener: int
    envoy: Envoy
    upstream: Upstream
    clusters: Clusters

    def steps(self, scenario: Scenario) -> Iterator[Observation]:
        for step in scenario.steps:
            if isinstance(step, Pause):
                sleep(step.seconds)
            else:
                yield from self._together(step.exchanges if isinstance(step, Together) else (step,))

    def _together(self, exchanges: Sequence[Exchange]) -> list[Observation]:
        """What came of requests in flight at the same time; calls, metrics and logs are those of all of them."""
        measured = any("metrics" in exchange.expect for exchange in exchanges)
        before = self.envoy.metrics(self.listener) if measured else {}
        logged = self.envoy.log.stat().st_size
        self.clusters.expect([answer for exchange in exchanges for answer in exchange.answers])
        with ExitStack() as stack:
            try:
                sent = [self._send(exchange, stack) for exchange in exchanges]
            except OSError as error:
                return [Observation(failure=f"no answer from Envoy: {error}") for _ in exchanges]
            for one in sent:
                one.awaited.sent.set()
            self.clusters.sent()
            seen = [self._receive(one) for one in sent]
        _wait_for(lambda: len(self.clusters.made) >= max(_expected_calls(exchange) for exchange in exchanges))
        parts = [part for exchange in exchanges for part in exchange.expect.get("logs", ())]
        _wait_for(lambda: all(part in text for text in (_text(self.envoy.log, logged),) for part in parts))
        after = self.envoy.metrics(self.listener) if measured else {}
        meanwhile = Meanwhile(
            tuple(self.clusters.made),
            tuple(self.clusters.unanswered),
            {name: value - before.get(name, 0) for name, value in after.items()},
            tuple(_text(self.envoy.log, logged).splitlines()),
        )
        return [replace(one, meanwhile=meanwhile) for one in seen]

    def _send(self, exchange: Exchange, stack: ExitStack) -> _Sent:
        """Each scenario calls from a loopback address of its own."""
        source = f"127.0.{1 + self.listener // 250}.{1 + self.listener % 250}"
        target = (LOOPBACK, self.envoy.ports[self.listener])
        connection = stack.enter_context(socket.create_connection(target, _ANSWER_SECONDS, (source, 0)))
        client = connection.getsockname()
        awaited = self.upstream.awaited[client] = Awaited(None if exchange.reset_after else exchange.response)
        request = exchange.request if exchange.reset_after != "headers" else Message(exchange.request.headers)
        with suppress(ConnectionError):  # answered before all of the body was sent
            send(connection, write_request(request, unfinished=exchange.reset_after in ("headers", "body")))
            wait_until_read(connection)
        return _Sent(exchange, awaited, connection, client)

    def _receive(self, sent: _Sent) -> Observation:
        """Wait for the answer, or give up where the client does, and for what Envoy logs of it."""
        response, broken = Message(), ""
        if sent.exchange.reset_after:
            reset(sent.connection)
        else:
            try:
                with sent.connection.makefile("rb") as stream:
                    response = read_response(stream, sent.exchange.request.header(":method") or "")
            except (EOFError, OSError, ValueError) as error:
                broken = f"no answer from Envoy: {error}"
        record = self.envoy.record(sent.client)
        if record is None:
            return Observation(failure=broken or "Envoy logged nothing of the request")
        return Observation(
            request=sent.awaited.request,
            response=response,
            details=record["details"] or "",
            attributes=record["attributes"] or {},
            metadata=record["metadata"] or {},
            broken=broken,
        )


def _expected_calls(exchange: Exchange) -> int:
    return len(exchange.expect.get("callouts", ()))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _LATE_SECONDS
    while not condition() and monotonic() < deadline:
        sleep(_STEP)


def _text(log: Path, start: int = 0) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
