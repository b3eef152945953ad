"""Scenarios on the hosts of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lateen.filterkit.catalog import Filter
from lateen.filterkit.host import edge
from lateen.filterkit.host.local_reply import LocalReply
from lateen.filterkit.host.machine import ModuleError
from lateen.filterkit.host.stream import HttpFilter, Info, Stream
from lateen.filterkit.host.world import World
from lateen.filterkit.scenarios.compare import Meanwhile, Observation
from lateen.filterkit.scenarios.message import Message, to_bytes
from lateen.filterkit.scenarios.read import UPSTREAM
from lateen.filterkit.scenarios.scenario import Exchange, Pause, Scenario, Together
from lateen.model.proxy import Proxy
from lateen.xds.filters.wasm import wasm_extension

IDLE_SECONDS = 5.0
"""How long a stream may stand still, as in the Envoy of scenarios."""

Attach = Callable[[Stream], HttpFilter | None]


class Refusal(Exception):  # noqa: N818 - what a scenario may expect
    """The filter does not start with a configuration; `logs` is what was logged of it."""

    def __init__(self, reason: str, logs: Sequence[str]) -> None:
        super().__init__(reason)
        self.logs = (*logs, reason)


def start(suite: Filter, config: Any, world: World, faults: dict[str, int] | None = None) -> Attach:
    """A filter as the compiler would configure it: for each stream it gives the filter that the stream goes through.

    Raises Refusal.
    """
    if suite.kind == "lua":
        from lateen.filterkit.host.lua_filter import LuaFilter  # noqa: PLC0415 - needs the extra `filters`

        try:
            return LuaFilter(suite.lua(config), world)
        except ValueError as error:
            raise Refusal(str(error), world.logs) from error
    from lateen.filterkit.host.vm import Plugin  # noqa: PLC0415 - needs the extra `filters`
    from lateen.filterkit.host.wasm_filter import WasmFilter  # noqa: PLC0415

    described = wasm_extension(Proxy("scenario"), "0", suite, config)["typed_config"]["config"]
    plugin = Plugin(
        suite.module(),
        described["configuration"]["value"].encode(),
        described["name"],
        described["root_id"],
        described["vm_config"]["vm_id"],
        failure_policy=described["failure_policy"],
        allow_on_headers_stop_iteration=described.get("allow_on_headers_stop_iteration", False),
        faults=faults or {},
    )
    try:
        return WasmFilter(plugin, world)
    except ModuleError as error:
        raise Refusal(str(error), world.logs) from error


def observe(suite: Filter, scenario: Scenario, clusters: Sequence[str]) -> tuple[Observation, ...]:
    """What came of each exchange of a scenario. Raises Refusal if the filter does not start."""
    preset = scenario.preset
    now = None if preset.time is None else datetime.fromisoformat(preset.time).timestamp()
    world = World(now, (UPSTREAM, *clusters))
    vm_id = f"lateen/{suite.name}/0"
    for key, value in preset.shared.items():
        world.shared.set(vm_id, to_bytes(key), to_bytes(value))
    run = _Run(world, start(suite, scenario.config, world, preset.faults), scenario)
    return tuple(run.steps())


def refuses(suite: Filter, scenario: Scenario) -> tuple[bool, Sequence[str]]:
    """Whether the filter starts with a configuration all the same, and what was logged."""
    world = World(None, (UPSTREAM,))
    try:
        start(suite, scenario.config, world)
    except Refusal as refusal:
        return False, refusal.logs
    return True, world.logs


@dataclass(frozen=True, slots=True)
class _Run:
    world: World
    attach: Attach
    scenario: Scenario

    def steps(self) -> Iterator[Observation]:
        for step in self.scenario.steps:
            if isinstance(step, Pause):
                self.world.advance(step.seconds)
            else:
                yield from self._together(step.exchanges if isinstance(step, Together) else (step,))

    def _together(self, exchanges: Sequence[Exchange]) -> list[Observation]:
        world = self.world
        world.answers = [answer for exchange in exchanges for answer in exchange.answers]
        world.made, world.unanswered = [], []
        logged, before = len(world.logs), world.metrics.values()
        streams = [self._send(exchange) for exchange in exchanges]
        for exchange, stream in zip(exchanges, streams, strict=True):
            if exchange.reset_after:
                stream.give_up()
        if not world.wait_for(lambda: all(stream.done for stream in streams), IDLE_SECONDS):
            for stream in streams:
                _time_out(stream)
        world.settle()
        after = world.metrics.values()
        meanwhile = Meanwhile(
            tuple(world.made),
            tuple(world.unanswered),
            {name: value - before.get(name, 0) for name, value in after.items()},
            tuple(world.logs[logged:]),
        )
        return [self._seen(*pair, meanwhile) for pair in zip(exchanges, streams, strict=True)]

    def _send(self, exchange: Exchange) -> Stream:
        info = Info(self.world.now, self.scenario.direction, properties=self.scenario.preset.properties)
        stream = Stream(self.world, info, self.attach)
        request = exchange.request
        if not exchange.reset_after:
            method = request.header(":method") or ""
            stream.answer = lambda: stream.respond(*edge.response(exchange.response, method))
        send(stream, request, exchange.reset_after)
        return stream

    def _seen(self, exchange: Exchange, stream: Stream, meanwhile: Meanwhile) -> Observation:
        info, method = stream.info, exchange.request.header(":method") or ""
        answer = Message()
        if stream.at_client.headers is not None and not stream.broken:
            answer = edge.at_client(stream.at_client, self.world.now, method)
        return Observation(
            request=edge.at_upstream(stream.at_upstream) if stream.at_upstream.ended else None,
            response=answer,
            details=info.details,
            attributes={key: state.value.decode(errors="replace") for key, state in info.filter_state.items()},
            metadata=dict(info.metadata),
            meanwhile=meanwhile,
            broken=stream.broken,
        )


def send(stream: Stream, request: Message, reset_after: str = "") -> None:
    """Send a request piece by piece, as HTTP/1.1 is read: a body ends in an empty piece, or in trailers."""
    unfinished = reset_after in ("headers", "body")
    chunks = [to_bytes(chunk) for chunk in request.body if chunk]
    trailers = edge.request_trailers(request)
    stream.send(
        edge.request_headers(request, unfinished=unfinished), end=not (chunks or trailers is not None or unfinished)
    )
    if reset_after == "headers":
        return
    for chunk in chunks:
        stream.send_data(chunk, end=False)
    if reset_after == "body":
        return
    if trailers is not None:
        stream.send_trailers(trailers)
    elif chunks:
        stream.send_data(b"", end=True)


def _time_out(stream: Stream) -> None:
    if stream.done:
        return
    if stream.response.fields is not None:
        stream.reset("no answer from Envoy: the stream stood still", "stream_idle_timeout")
        return
    status = 504 if stream.request.ended else 408
    stream.reply(LocalReply(status, b"stream timeout", (), "stream_idle_timeout"))
    stream.world.settle()
