"""Lua code as an HTTP filter, on the engine that Envoy has: lua_filter.cc of Envoy as a host of this process."""

from __future__ import annotations

from importlib import resources
from typing import Any

from lupa.luajit21 import LuaRuntime

from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.filter_chain import Data, Half, Headers, Trailers
from lateen.filterkit.host.local_reply import LocalReply
from lateen.filterkit.host.lua_api import Api
from lateen.filterkit.host.stream import Stream
from lateen.filterkit.host.world import HttpAnswer, World

BY_SCRIPT = "lua_response"
_BAD_STATUS = ":status must be between 200-599"


class LuaFilter:
    """A script, loaded once: what it keeps in globals outlives requests, as on one worker of Envoy."""

    def __init__(self, source: str, world: World) -> None:
        """Load it. Raises ValueError with what LuaJIT has against it."""
        self.world = world
        self.runtime = LuaRuntime(
            encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False
        )
        prelude = resources.files("lateen.filterkit.host").joinpath("prelude.lua").read_text()
        api = Api(self.runtime, world)
        self._engine = self.runtime.execute(prelude.encode(), api.functions())
        problem = self._engine[b"load"](source.encode(errors="surrogateescape"))
        if problem is not None:
            raise ValueError(f"script load error: {problem.decode(errors='replace')}")

    def __call__(self, stream: Stream) -> LuaStream:
        """The filter for one stream."""
        return LuaStream(self, stream)

    def has(self, name: str) -> bool:
        """Whether the script defines a global function of that name."""
        return bool(self._engine[b"has"](name.encode()))

    def start(self, name: str, side: Side) -> tuple[Any, Any, bytes, bytes | None]:
        """Run a function of the script in a coroutine: the coroutine, its owner, how it stopped, and its error."""
        results = self._engine[b"start"](name.encode(), side)
        return (*results, None)[:4]

    def resume(self, coroutine: Any, owner: Any, *values: Any) -> tuple[bytes, bytes | None]:
        """Let a coroutine go on: how it stopped, and its error."""
        results = self._engine[b"resume"](coroutine, owner, *values)
        return (results, None) if isinstance(results, bytes) else results

    def count(self, name: str) -> None:
        """One more of what Envoy itself counts of a script."""
        counters = self.world.metrics.counters
        counters[name] = counters.get(name, 0) + 1


class LuaStream:
    """A stream as the script sees it."""

    def __init__(self, script: LuaFilter, stream: Stream) -> None:
        self.script, self.stream = script, stream
        self.request: Side = Side(self, "envoy_on_request")
        self.response: Side = Side(self, "envoy_on_response")

    def log(self) -> None:
        """Scripts do not hear of the end of a stream."""

    def destroy(self) -> None:
        """What still waits is never resumed."""
        self.request.over = self.response.over = True


class Side:
    """One direction, with the coroutine that runs for it. `state` is what it waits for."""

    def __init__(self, owner: LuaStream, function: str) -> None:
        self._owner, self._function = owner, function
        self.state = ""
        self.over = False
        self.fields = Fields()
        self.trailer_fields: Fields | None = None
        self.end = self.saw_body = self.continued = self.iterating = False
        self.piece: bytearray | None = None
        self.buffered_body = False
        self._running: tuple[Any, Any] | None = None
        self._reply: LocalReply | None = None

    @property
    def stream(self) -> Stream:
        """The stream."""
        return self._owner.stream

    @property
    def is_request(self) -> bool:
        """Whether it is the request's direction."""
        return self is self._owner.request

    @property
    def half(self) -> Half:
        """The filter manager's side of it."""
        return self.stream.request if self.is_request else self.stream.response

    @property
    def request_fields(self) -> Fields:
        """The request's headers."""
        return self._owner.request.fields

    def headers(self, fields: Fields, end: bool) -> Headers:
        """Headers came: the script's function runs, until it ends or waits."""
        self.fields, self.end = fields, end
        script = self._owner.script
        if not script.has(self._function):
            return Headers.CONTINUE
        script.count("executions")
        coroutine, owner, outcome, problem = script.start(self._function, self)
        self._running = (coroutine, owner)
        self._took(outcome, problem)
        if self.state in ("body", "call", "responded"):
            return Headers.STOP
        self.continued = True
        return Headers.CONTINUE

    def data(self, piece: bytearray, end: bool) -> Data:
        """A piece of body came."""
        if self._running is None:
            return Data.CONTINUE
        self.end, self.saw_body = end, True
        if self.state == "chunk":
            self.piece = piece
            self._resume(BodyView(self, piece))
        elif self.state == "body" and end:
            self.half.buffer(piece)
            piece.clear()
            self._resume(self.whole_body())
        elif self.state == "trailers" and end:
            self._resume(None)
        if self.state in ("call", "body"):
            return Data.STOP_AND_BUFFER
        if self.state == "responded":
            return Data.STOP_NO_BUFFER
        self.continued = True
        return Data.CONTINUE

    def trailers(self, fields: Fields) -> Trailers:
        """Trailers came."""
        if self._running is None:
            return Trailers.CONTINUE
        self.end, self.trailer_fields = True, fields
        if self.state == "chunk":
            self._resume(None)
        elif self.state == "body":
            self._resume(self.whole_body())
        elif self.state == "trailers":
            self._resume(HeadersView(self, fields))
        return Trailers.STOP if self.state in ("call", "responded") else Trailers.CONTINUE

    def whole_body(self) -> BodyView | None:
        """The body that was kept, if there is any."""
        self.buffered_body = True
        return None if self.half.buffered is None else BodyView(self, None)

    def respond(self, pairs: list[tuple[bytes, bytes]], body: bytes) -> str | None:
        """Answer in the upstream's place; why that is impossible, or None."""
        if not self.is_request:
            return "respond not currently supported in the response path"
        if self.continued:
            return "respond() cannot be called if headers have been continued"
        status = dict(pairs).get(b":status", b"")
        if not status.isdigit() or not 200 <= int(status) <= 599:
            return _BAD_STATUS
        more = tuple((name, value) for name, value in pairs if name != b":status")
        self.state = "responded"
        self._reply = LocalReply(int(status), body, more, BY_SCRIPT)
        return None

    def called(self, answer: HttpAnswer) -> None:
        """What a call to another cluster brought; the stream goes on once the script does not wait any more."""
        if self.over or self.state != "call":
            return
        table = self._owner.script.runtime.table_from(dict(answer.headers))
        self._resume(table, answer.body or None)
        if not self.state:
            self.continued = True
            self.half.resume()

    def _resume(self, *values: Any) -> None:
        if self._running is None:
            return
        self.state = ""
        self._took(*self._owner.script.resume(*self._running, *values))

    def _took(self, outcome: bytes, problem: bytes | None) -> None:
        if self._reply is not None:
            reply, self._reply = self._reply, None
            self.stream.reply(reply)
        if outcome == b"wait":
            return
        self._running = None
        if self.state != "responded":
            self.state = ""
        if outcome == b"error":
            self._owner.script.count("errors")
            text = (problem or b"").decode(errors="replace")
            self.stream.world.logs.append(f"[error] script log: {text}")


class BodyView:
    """A body that a script holds: a piece, or all that was kept (None)."""

    def __init__(self, side: Side, piece: bytearray | None) -> None:
        self._side, self._piece = side, piece

    @property
    def content(self) -> bytearray:
        """The bytes themselves."""
        if self._piece is not None:
            return self._piece
        half = self._side.half
        if half.buffered is None:
            half.buffered = bytearray()
        return half.buffered

    def replace(self, data: bytes) -> None:
        """Another body, whose length the headers tell unless they have gone."""
        self.content[:] = data
        if not self._side.continued:
            self._side.fields.replace(b"content-length", b"%d" % len(data))


class HeadersView:
    """A header map that a script holds."""

    def __init__(self, side: Side, fields: Fields) -> None:
        self.side, self.fields = side, fields
        self.iterating = False

    def problem(self) -> str | None:
        """Why it cannot be changed now, or None."""
        if self.iterating:
            return "header map cannot be modified while iterating"
        if self.fields is self.side.fields and self.side.continued:
            return "header map can no longer be modified"
        return None
