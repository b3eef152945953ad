"""A Wasm module as an HTTP filter: how Envoy drives it for each stream, and what it does when it traps."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lateen.filterkit.host.abi import Buffer, Map
from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.filter_chain import Data, Half, Headers, Trailers
from lateen.filterkit.host.local_reply import LocalReply
from lateen.filterkit.host.machine import ModuleError
from lateen.filterkit.host.stream import Info, Stream
from lateen.filterkit.host.vm import Plugin, Vm
from lateen.filterkit.host.world import NANOSECONDS, World

BY_TRAP = "wasm_fail_stream"
BY_CLOSE = "wasm_close_stream"

_HEADERS = {
    0: Headers.CONTINUE,
    1: Headers.STOP,
    2: Headers.CONTINUE,
    3: Headers.STOP_ALL_AND_BUFFER,
}
_DATA = {0: Data.CONTINUE, 1: Data.STOP_AND_BUFFER, 2: Data.STOP_AND_WATERMARK}
_BACKOFF = 1.0
"""Seconds between two loads of a module, by default; Envoy adds up to half of that by chance."""


class WasmFilter:
    """A plugin in a world. With FAIL_RELOAD a machine that trapped is replaced, a second after it was loaded at the
    earliest.
    """

    def __init__(self, plugin: Plugin, world: World) -> None:
        """Start it. Raises ModuleError if the module cannot run or refuses its configuration."""
        self.plugin, self.world = plugin, world
        self._loaded = world.now
        self.vm = self._started()

    def __call__(self, stream: Stream) -> WasmStream | None:
        """The filter for one stream; None if it is left out (FAIL_OPEN)."""
        if self.vm.failed and self.plugin.failure_policy == "FAIL_RELOAD":
            self._reload()
        if self.vm.failed and self.plugin.failure_policy == "FAIL_OPEN":
            return None
        return WasmStream(self.vm, stream, self.plugin.allow_on_headers_stop_iteration)

    def _started(self) -> Vm:
        vm = Vm(self.plugin, self.world)
        if vm.failed or not vm.start():
            raise ModuleError(vm.failed or "the module refuses its configuration")
        return vm

    def _reload(self) -> None:
        if self.world.now - self._loaded < _BACKOFF * NANOSECONDS:
            return
        self._loaded = self.world.now
        try:
            self.vm = self._started()
        except ModuleError as error:
            self.world.logs.append(f"[error] {error}")


class WasmStream:
    """A stream as one plugin sees it (Context in Envoy's source)."""

    def __init__(self, vm: Vm, stream: Stream, allow_stop: bool) -> None:
        self.vm, self.stream, self.allow_stop = vm, stream, allow_stop
        self.logging = False
        self.request = _Request(self)
        self.response = _Response(self)
        self.failure_sent = False
        self._context = vm.new_context(self)
        self._created = self._replied = False

    @property
    def info(self) -> Info:
        """What Envoy keeps of the stream."""
        return self.stream.info

    def create(self) -> None:
        """Tell the module of the stream, once."""
        if not self._created:
            self._created = True
            self.callback("proxy_on_context_create", self.vm.root.number)

    @property
    def created(self) -> bool:
        """Whether the module knows of the stream."""
        return self._created

    def callback(self, name: str, *arguments: int) -> int:
        """Call the module for this stream."""
        return self.vm.callback(self._context, name, *arguments)

    def failed(self) -> bool:
        """Whether the module has trapped; the client then gets a 503, once."""
        if not self.vm.failed:
            return False
        if not self.failure_sent:
            self.failure_sent = True
            self.stream.reply(LocalReply(503, b"", (), BY_TRAP, 14))
        return True

    def readable(self, which: Map) -> Fields | None:
        """A header map that the module may read now."""
        if self.logging:
            return {
                Map.REQUEST_HEADERS: self.stream.request.fields,
                Map.RESPONSE_HEADERS: self.stream.at_client.headers or self.stream.response.fields,
                Map.RESPONSE_TRAILERS: self.stream.at_client.trailers or None,
            }.get(which)
        return self._side(which).maps.get(which)

    def writable(self, which: Map) -> Fields | None:
        """A header map that the module may change now."""
        if self.logging or which > Map.RESPONSE_TRAILERS:
            return None
        side = self._side(which)
        if which in (Map.REQUEST_TRAILERS, Map.RESPONSE_TRAILERS) and which not in side.maps:
            added = side.half.add_trailers()
            if added is not None:
                side.maps[which] = added
        return side.maps.get(which)

    def body(self, which: Buffer) -> bytes | bytearray:
        """The piece of body that came, or all that is kept of it."""
        return (self.request if which is Buffer.REQUEST_BODY else self.response).body()

    def resume(self, *, request: bool) -> None:
        """Let go what was stopped, once the module has returned."""
        side = self.request if request else self.response
        self.vm.defer(side.half.resume)
        self.request.forget()

    def reply(self, answer: LocalReply) -> None:
        """Answer in the upstream's place, once the module has returned; of several answers the first is given."""
        if self.logging:
            self.stream.broken = "no answer from Envoy: it crashes where a module answers in proxy_on_log"
            return

        def give() -> None:
            if not self._replied:
                self._replied = True
                self.stream.reply(answer)

        self.vm.defer(give)

    def close(self) -> None:
        """Cut the stream off, once the module has returned."""
        self.vm.defer(lambda: self.stream.reset("the filter cut it off", BY_CLOSE))

    def log(self) -> None:
        """The stream is over; the module may not have heard of it before."""
        self.create()
        self.logging = True
        self.callback("proxy_on_log")
        self.logging = False

    def destroy(self) -> None:
        """The module forgets the stream."""
        self.callback("proxy_on_done")
        self.callback("proxy_on_delete")
        self.vm.contexts.pop(self._context.number, None)

    def _side(self, which: Map) -> _Side:
        return self.request if which in (Map.REQUEST_HEADERS, Map.REQUEST_TRAILERS) else self.response


class _Side(ABC):
    """One direction."""

    prefix: str
    header_map: Map
    trailer_map: Map

    def __init__(self, stream: WasmStream) -> None:
        self._stream = stream
        self.maps: dict[Map, Fields] = {}
        self._buffering = False
        self._piece: bytearray | None = None

    @property
    @abstractmethod
    def half(self) -> Half:
        """The filter manager's side of it."""

    def body(self) -> bytearray:
        """What the module may read and change of the body."""
        if self._buffering:
            if self.half.buffered is None:
                self.half.buffered = bytearray()
            return self.half.buffered
        return bytearray() if self._piece is None else self._piece

    def forget(self) -> None:
        """Headers and body are out of the module's hands."""
        self.maps.clear()
        self._piece = None

    def headers(self, fields: Fields, end: bool) -> Headers:
        """Headers came."""
        stream = self._stream
        if not self._begin():
            return Headers.CONTINUE
        if stream.failed():
            return Headers.STOP_ALL_AND_WATERMARK
        self.maps[self.header_map] = fields
        answer = stream.callback(f"{self.prefix}_headers", len(fields), int(end))
        if stream.failed():
            return Headers.STOP_ALL_AND_WATERMARK
        if answer == 1 and not stream.allow_stop:
            answer = 4
        found = _HEADERS.get(answer, Headers.STOP_ALL_AND_WATERMARK)
        if found is Headers.CONTINUE:
            self.maps.pop(self.header_map, None)
        return found

    def data(self, piece: bytearray, end: bool) -> Data:
        """A piece of body came."""
        stream = self._stream
        if not self._hears():
            return Data.CONTINUE
        if self._buffering:
            self.half.buffer(piece)
            piece.clear()
            if self.half.stopped:
                return Data.STOP_AND_BUFFER
        self._piece = piece
        if stream.failed():
            return Data.STOP_NO_BUFFER
        answer = stream.callback(f"{self.prefix}_body", len(self.body()), int(end))
        self._buffering = False
        if stream.failed():
            return Data.STOP_NO_BUFFER
        found = _DATA.get(answer, Data.STOP_NO_BUFFER)
        if found is Data.CONTINUE:
            self._piece = None
        self._buffering = found is Data.STOP_AND_BUFFER
        return found

    def trailers(self, fields: Fields) -> Trailers:
        """Trailers came."""
        stream = self._stream
        if not self._hears():
            return Trailers.CONTINUE
        if stream.failed():
            return Trailers.STOP
        self.maps[self.trailer_map] = fields
        answer = stream.callback(f"{self.prefix}_trailers", len(fields))
        if stream.failed():
            return Trailers.STOP
        if answer == 0:
            self.maps.pop(self.trailer_map, None)
        return Trailers.CONTINUE if answer == 0 else Trailers.STOP

    def _begin(self) -> bool:
        return self._hears()

    def _hears(self) -> bool:
        return self._stream.created


class _Request(_Side):
    prefix, header_map, trailer_map = "proxy_on_request", Map.REQUEST_HEADERS, Map.REQUEST_TRAILERS

    @property
    def half(self) -> Half:
        return self._stream.stream.request

    def _begin(self) -> bool:
        self._stream.create()
        return True


class _Response(_Side):
    prefix, header_map, trailer_map = "proxy_on_response", Map.RESPONSE_HEADERS, Map.RESPONSE_TRAILERS

    @property
    def half(self) -> Half:
        return self._stream.stream.response

    def _hears(self) -> bool:
        return self._stream.created and not self._stream.failure_sent
