"""A filter with a client in front and an upstream behind it: what tests hold in their hands.

```python
filter = wasm(Path("filter.wasm").read_bytes(), '{"header": "x-tenant"}', clusters=["authz"])
seen = filter.exchange(request(path="/orders", headers=[("x-tenant", "acme")]))
assert seen.response.header(":status") == "200"
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lateen.filterkit.host import edge
from lateen.filterkit.host.local_reply import LocalReply
from lateen.filterkit.host.stream import HttpFilter, Info, Stream
from lateen.filterkit.host.world import World
from lateen.filterkit.scenarios.compare import Meanwhile, Observation
from lateen.filterkit.scenarios.message import Message, to_bytes, to_text
from lateen.filterkit.scenarios.read import UPSTREAM
from lateen.filterkit.scenarios.scenario import Answer, Exchange

Attach = Callable[[Stream], HttpFilter | None]
"""A started filter: for each stream it gives the filter that the stream goes through."""

IDLE_SECONDS = 5.0
"""How long a stream may stand still, as in the Envoy of scenarios."""


class Driver:
    """Sends requests through a filter. `world` has the clock, the log, metrics, and calls to other clusters."""

    def __init__(
        self, attach: Attach, world: World, direction: str = "inbound", properties: Mapping[str, Any] | None = None
    ) -> None:
        self.world = world
        self._attach, self._direction, self._properties = attach, direction, dict(properties or {})

    def exchange(
        self,
        request: Message,
        response: Message | None = None,
        answers: Sequence[Answer] = (),
        reset_after: str = "",
    ) -> Observation:
        """Send a request, which the upstream answers with `response` and other clusters with `answers`."""
        return self.together((Exchange(request, response or Message(), tuple(answers), {}, (), reset_after),))[0]

    def together(self, exchanges: Sequence[Exchange]) -> list[Observation]:
        """Send requests before any of them is answered; calls, metrics and logs are those of all of them."""
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
        meanwhile = Meanwhile(
            tuple(world.made),
            tuple(world.unanswered),
            {name: value - before.get(name, 0) for name, value in world.metrics.values().items()},
            tuple(world.logs[logged:]),
        )
        return [self._seen(*pair, meanwhile) for pair in zip(exchanges, streams, strict=True)]

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(seconds)

    def stream(self) -> Stream:
        """A new stream, for those who send its pieces themselves."""
        return Stream(self.world, Info(self.world.now, self._direction, properties=self._properties), self._attach)

    def _send(self, exchange: Exchange) -> Stream:
        stream = self.stream()
        if not exchange.reset_after:
            method = exchange.request.header(":method") or ""
            stream.answer = lambda: stream.respond(*edge.response(exchange.response, method))
        send(stream, exchange.request, exchange.reset_after)
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


def wasm(code: bytes, configuration: str = "", *, clusters: Iterable[str] = (), **options: Any) -> Driver:
    """A driver of a proxy-wasm module. `clusters` are those that it may call.

    `options` are those of `vm.Plugin` (`vm_configuration`, `failure_policy`, `faults`, `memory` ...). Raises
    ModuleError if the module cannot run or refuses its configuration.
    """
    from lateen.filterkit.host.vm import Plugin  # noqa: PLC0415 - needs the extra `filters`
    from lateen.filterkit.host.wasm_filter import WasmFilter  # noqa: PLC0415

    world = World(None, (UPSTREAM, *clusters))
    return Driver(WasmFilter(Plugin(code, configuration.encode(), **options), world), world)


def lua(source: str, *, clusters: Iterable[str] = ()) -> Driver:
    """A driver of Lua code for Envoy's Lua filter. Raises ValueError if it does not load."""
    from lateen.filterkit.host.lua_filter import LuaFilter  # noqa: PLC0415 - needs the extra `filters`

    world = World(None, (UPSTREAM, *clusters))
    return Driver(LuaFilter(source, world), world)


def request(
    method: str = "GET",
    path: str = "/",
    *,
    host: str = "test.example",
    headers: Iterable[tuple[str, str]] = (),
    body: Iterable[str | bytes] = (),
    trailers: Iterable[tuple[str, str]] = (),
) -> Message:
    """A request; the pieces of the body arrive one by one."""
    return _message(((":method", method), (":path", path), (":authority", host), *headers), body, trailers)


def response(
    status: int = 200,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: Iterable[str | bytes] = (),
    trailers: Iterable[tuple[str, str]] = (),
) -> Message:
    """A response."""
    return _message(((":status", str(status)), *headers), body, trailers)


def _message(
    headers: Iterable[tuple[str, str]], body: Iterable[str | bytes], trailers: Iterable[tuple[str, str]]
) -> Message:
    pieces = tuple(piece if isinstance(piece, str) else to_text(piece) for piece in body)
    return Message(tuple(headers), pieces, tuple(trailers))


def send(stream: Stream, message: Message, reset_after: str = "") -> None:
    """Send a request piece by piece, as HTTP/1.1 is read: a body ends in an empty piece, or in trailers."""
    unfinished = reset_after in ("headers", "body")
    chunks = [to_bytes(chunk) for chunk in message.body if chunk]
    trailers = edge.request_trailers(message)
    stream.send(
        edge.request_headers(message, unfinished=unfinished), end=not (chunks or trailers is not None or unfinished)
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
