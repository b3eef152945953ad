"""What the objects of a Lua filter do; `prelude.lua` has the objects themselves."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.foreign import FACTORIES, public_key, verify
from lateen.filterkit.host.stream import Info, State
from lateen.filterkit.host.world import World

if TYPE_CHECKING:
    from lateen.filterkit.host.lua_filter import BodyView, HeadersView, Side

_OUTSIDE = b"index/length must be >= 0 and (index + length) must be <= buffer size"
_INFO: dict[bytes, Callable[[Info], str]] = {
    b"protocol": lambda _: "HTTP/1.1",
    b"routeName": lambda _: "",
    b"virtualClusterName": lambda _: "",
    b"requestedServerName": lambda _: "",
    b"downstreamLocalAddress": lambda info: info.destination,
    b"downstreamDirectLocalAddress": lambda info: info.destination,
    b"downstreamRemoteAddress": lambda info: info.source,
    b"downstreamDirectRemoteAddress": lambda info: info.source,
}


class Api:
    """The functions; text comes and goes as bytes. Where a script gets an error they answer nil and why."""

    def __init__(self, runtime: Any, world: World) -> None:
        self._runtime, self._world = runtime, world

    def functions(self) -> Any:
        """All of them, as a Lua table."""
        names = [name for name in dir(self) if not name.startswith("_") and name != "functions"]
        return self._runtime.table_from({name.encode(): getattr(self, name) for name in names})

    def log(self, level: bytes, message: bytes) -> None:
        if level != b"trace":
            self._world.logs.append(f"[{level.decode()}] script log: {message.decode(errors='replace')}")

    def headers(self, side: Side) -> HeadersView:
        from lateen.filterkit.host.lua_filter import HeadersView  # noqa: PLC0415

        return HeadersView(side, side.fields)

    def request_headers(self, side: Side) -> HeadersView:
        from lateen.filterkit.host.lua_filter import HeadersView  # noqa: PLC0415

        return HeadersView(side, side.request_fields)

    def headers_get(self, view: HeadersView, name: bytes) -> bytes | None:
        values = view.fields.all(name)
        return b",".join(values) if values else None

    def headers_at(self, view: HeadersView, name: bytes, index: int) -> bytes | None:
        values = view.fields.all(name)
        return values[int(index)] if 0 <= index < len(values) else None

    def headers_count(self, view: HeadersView, name: bytes) -> int:
        return len(view.fields.all(name))

    def headers_modify(self, view: HeadersView) -> tuple[None, str | None]:
        return None, view.problem()

    def headers_add(self, view: HeadersView, name: bytes, value: bytes) -> tuple[None, str | None]:
        return self._change(view, lambda fields: fields.add(name, value))

    def headers_remove(self, view: HeadersView, name: bytes) -> tuple[None, str | None]:
        return self._change(view, lambda fields: fields.remove(name))

    def headers_replace(self, view: HeadersView, name: bytes, value: bytes) -> tuple[None, str | None]:
        return self._change(view, lambda fields: fields.replace(name, value))

    def headers_items(self, view: HeadersView) -> tuple[Any, str | None]:
        if view.iterating:
            return None, "cannot create a second iterator before completing the first"
        view.iterating = True
        return self._runtime.table_from([self._runtime.table_from(item) for item in view.fields]), None

    def headers_iterated(self, view: HeadersView) -> None:
        view.iterating = False

    def nothing(self, _side: Side) -> dict[str, Any]:
        return {}

    def map_get(self, values: Mapping[str, Any], key: bytes) -> Any:
        return self._to_lua(values.get(_text(key)))

    def map_items(self, values: Mapping[str, Any]) -> Any:
        return self._to_lua(values)

    def stream_info(self, side: Side) -> Info:
        return side.stream.info

    def info(self, info: Info, name: bytes) -> bytes:
        return _INFO[name](info).encode()

    def metadata_get(self, info: Info, namespace: bytes) -> Any:
        return self._to_lua(info.metadata.get(_text(namespace)))

    def metadata_set(self, info: Info, namespace: bytes, key: bytes, value: Any, length: int) -> None:
        info.metadata.setdefault(_text(namespace), {})[_text(key)] = _from_lua(value, length)

    def metadata_items(self, info: Info) -> Any:
        return self._to_lua(info.metadata)

    def state_get(self, info: Info, key: bytes) -> bytes | None:
        state = info.filter_state.get(_text(key))
        return None if state is None else state.value

    def state_set(self, info: Info, key: bytes, factory: bytes, value: bytes) -> tuple[None, bytes | None]:
        if _text(factory) not in FACTORIES:
            return None, b"'%s' does not have an object factory" % factory
        info.filter_state[_text(key)] = State(value, "string")
        return None, None

    def body(self, side: Side) -> tuple[Any, str | None]:
        if side.end:
            if not side.buffered_body and side.saw_body:
                return None, "cannot call body() after body has been streamed"
            return side.whole_body(), None
        if side.saw_body:
            return None, "cannot call body() after body streaming has started"
        side.state = "body"
        return b"wait", None

    def body_chunks(self, side: Side) -> tuple[None, str | None]:
        return None, "cannot call bodyChunks after body processing has begun" if side.saw_body else None

    def next_chunk(self, side: Side) -> bool:
        if side.end:
            return False
        side.state = "chunk"
        return True

    def body_length(self, view: BodyView) -> int:
        return len(view.content)

    def body_get(self, view: BodyView, index: int, length: int) -> tuple[bytes | None, bytes | None]:
        if index < 0 or length < 0 or index + length > len(view.content):
            return None, _OUTSIDE
        return bytes(view.content[int(index) : int(index) + int(length)]), None

    def body_set(self, view: BodyView, data: bytes) -> int:
        view.replace(data)
        return len(data)

    def trailers(self, side: Side) -> Any:
        from lateen.filterkit.host.lua_filter import HeadersView  # noqa: PLC0415

        if side.trailer_fields is not None:
            return HeadersView(side, side.trailer_fields)
        if side.end:
            return None
        side.state = "trailers"
        return b"wait"

    def http_call(
        self, side: Side, cluster: bytes, pairs: Any, body: bytes | None, timeout: float, alone: bool
    ) -> tuple[None, str | None]:
        if timeout < 0:
            return None, "http call timeout must be >= 0"
        if _text(cluster) not in self._world.clusters:
            return None, "http call cluster invalid. Must be configured"
        fields = Fields(_pairs(pairs), "request")
        if any(fields.get(name) is None for name in (b":path", b":method", b":authority")):
            return None, "http call headers must include ':path', ':method', and ':authority'"
        if body:
            fields.replace(b"content-length", b"%d" % len(body))
        done = (lambda _answer: None) if alone else side.called
        if not alone:
            side.state = "call"
        self._world.http_call(_text(cluster), fields, body or b"", Fields(), timeout / 1000, done)
        return None, None

    def respond(self, side: Side, pairs: Any, body: bytes | None) -> tuple[None, str | None]:
        return None, side.respond(_pairs(pairs), body or b"")

    def counter_add(self, name: bytes, amount: float) -> None:
        counters = self._world.metrics.counters
        counters[_text(name)] = counters.get(_text(name), 0) + int(amount)

    def counter_value(self, name: bytes) -> int:
        return self._world.metrics.counters.setdefault(_text(name), 0)

    def gauge_add(self, name: bytes, amount: float) -> None:
        gauges = self._world.metrics.gauges
        gauges[_text(name)] = gauges.get(_text(name), 0) + int(amount)

    def gauge_set(self, name: bytes, value: float) -> None:
        self._world.metrics.gauges[_text(name)] = int(value)

    def gauge_value(self, name: bytes) -> int:
        return self._world.metrics.gauges.setdefault(_text(name), 0)

    def histogram_record(self, name: bytes, value: float) -> None:
        self._world.metrics.histograms.setdefault(_text(name), []).append(int(value))

    def is_key(self, der: bytes) -> bool:
        return public_key(der) is not None

    def verify(self, hash_name: bytes, der: bytes, signature: bytes, data: bytes) -> tuple[bool, str | None]:
        problem = verify(hash_name, public_key(der), signature, data)
        return not problem, problem or None

    def base64_encode(self, data: bytes) -> bytes:
        return base64.b64encode(data)

    def base64_decode(self, data: bytes) -> bytes | None:
        try:
            return base64.b64decode(data.rstrip(b"=") + b"=" * (-len(data.rstrip(b"=")) % 4), validate=True)
        except binascii.Error:
            return None

    def time(self, unit: float) -> int:
        return self._world.now // int(unit)

    def _change(self, view: HeadersView, change: Callable[[Fields], None]) -> tuple[None, str | None]:
        problem = view.problem()
        if problem is None:
            change(view.fields)
        return None, problem

    def _to_lua(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._runtime.table_from({key.encode(): self._to_lua(item) for key, item in value.items()})
        if isinstance(value, list):
            return self._runtime.table_from([self._to_lua(item) for item in value])
        return value.encode() if isinstance(value, str) else value


def _from_lua(value: Any, length: int | None = None) -> Any:
    """As Envoy makes a protobuf Value of it: a table with a length is a list, any other a struct."""
    if isinstance(value, bytes):
        return _text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    size = len(value) if length is None else length
    if size:
        return [_from_lua(value[index + 1]) for index in range(size)]
    return {_text(key): _from_lua(item) for key, item in value.items()}


def _pairs(table: Any) -> list[tuple[bytes, bytes]]:
    return [(pair[1], pair[2]) for pair in table.values()]


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")
