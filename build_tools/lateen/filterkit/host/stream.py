"""One HTTP request through one filter, between a client and an upstream that are played by whoever drives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.filter_chain import Data, Half, Headers, Stage, Trailers
from lateen.filterkit.host.local_reply import PHRASES, LocalReply, is_grpc
from lateen.filterkit.host.world import World

BY_UPSTREAM = "via_upstream"
BY_CLIENT = "downstream_remote_disconnect"

_NAME = re.compile(rb":?[A-Za-z0-9!#$%&'*+.^_`|~-]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class State:
    """A value of filter state: its bytes, and the type that it was declared with."""

    value: bytes
    kind: str = "bytes"
    readonly: bool = False


@dataclass(slots=True)
class Info:
    """What Envoy keeps of a stream (StreamInfo); times are nanoseconds."""

    started: int
    direction: str = "inbound"
    source: str = "127.0.0.2:40000"
    destination: str = "127.0.0.1:8080"
    code: int | None = None
    details: str = ""
    filter_state: dict[str, State] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    request_bytes: int = 0
    response_bytes: int = 0
    upstream: str | None = None


@dataclass(slots=True)
class Received:
    """A message as it came out at one end. `bodyless`: it ended with its headers; `early`: it came before the client's
    request had ended, or Envoy takes the request for a broken one (a local 400), and closes the connection.
    """

    headers: Fields | None = None
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    ended: bool = False
    bodyless: bool = False
    early: bool = False


class HttpFilter(Protocol):
    """A filter of either kind for one stream."""

    @property
    def request(self) -> Stage:
        """Its part in the request."""

    @property
    def response(self) -> Stage:
        """Its part in the response."""

    def log(self) -> None:
        """The stream is over."""

    def destroy(self) -> None:
        """It is about to be gone."""


class Stream:
    """A request and its response. `at_upstream` and `at_client` are what came out of the filter; `broken` says that
    the stream was cut off while the client waited.

    `answer`, if it is set, is called once the upstream has the whole request, or the answer is due.
    """

    def __init__(self, world: World, info: Info, attach: Callable[[Stream], HttpFilter | None]) -> None:
        """`attach` gives the filter for it; None is one that is left out."""
        self.world, self.info = world, info
        self.at_upstream, self.at_client = Received(), Received()
        self.broken = ""
        self.done = False
        self.answer: Callable[[], None] | None = None
        self.response_started = False
        self._head = self._grpc = False
        found = attach(self)
        self.filter: HttpFilter = found if found is not None else _Absent()
        self.request = Half(self.filter.request, _ToUpstream(self), self._request_too_large)
        self.response = Half(self.filter.response, _ToClient(self), self._response_too_large)

    def send(self, headers: Fields, end: bool) -> None:
        """The client's headers arrive."""
        self._head, self._grpc = headers.get(b":method") == b"HEAD", is_grpc(headers)
        self.request.headers(headers, end)

    def send_data(self, piece: bytes, end: bool) -> None:
        """A piece of the client's body arrives."""
        self.info.request_bytes += len(piece)
        if not self.done:
            self.request.data(piece, end)

    def send_trailers(self, trailers: Fields) -> None:
        """The client's trailers arrive."""
        if not self.done:
            self.request.trailers(trailers)

    def respond(self, headers: Fields, pieces: Iterable[bytes], trailers: Fields | None) -> None:
        """The upstream's response arrives, piece by piece. Bodies end in an empty piece, as HTTP/1.1 is read."""
        if self.done or self.response_started:
            return
        self.response_started = True
        self.info.details, self.info.code = BY_UPSTREAM, int(headers.get(b":status") or 0)
        pieces = list(pieces)
        self.response.headers(headers, not pieces and trailers is None)
        for piece in pieces:
            if not self.done:
                self.response.data(piece, False)
        if self.done or self.response.stopped:
            return
        if trailers is not None:
            self.response.trailers(trailers)
        elif pieces:
            self.response.data(b"", True)

    def reply(self, answer: LocalReply) -> None:
        """Answer in the upstream's place; the filter sees the answer. Once there is one, the stream is cut off."""
        if self.done:
            return
        self.request.stopped = True
        self.info.details = answer.details
        if self.at_client.headers is not None:
            self.reset("the answer was cut off")
            return
        self.info.code = answer.status
        self.at_client.early = answer.status == HTTPStatus.BAD_REQUEST
        fields, body = answer.message(grpc=self._grpc, head=self._head)
        direct = self.response.fields is not None
        self.response_started = True
        if direct:
            self.response.stopped = True
            sink = _ToClient(self)
            sink.headers(fields, not body)
            if body:
                sink.data(body, True)
            return
        self.response.headers(fields, not body)
        if body and not self.done:
            self.response.data(body, True)

    def reset(self, reason: str, details: str = "") -> None:
        """Cut the stream off."""
        if not self.done:
            self.broken = reason
            self.info.details = self.info.details or details
            self.finish()

    def give_up(self) -> None:
        """The client goes away."""
        if not self.done:
            self.info.details = BY_CLIENT
            self.info.code = self.info.code or 0
            self.finish()

    def finish(self) -> None:
        """The stream is over: the filter logs and is gone."""
        if self.done:
            return
        self.done = self.request.stopped = self.response.stopped = True
        self.filter.log()
        self.filter.destroy()

    def _request_too_large(self) -> None:
        self.reply(LocalReply(413, PHRASES[413].encode(), (), "request_payload_too_large"))

    def _response_too_large(self) -> None:
        if self.at_client.headers is not None:
            self.reset("the answer was cut off", "response_payload_too_large")
            return
        self.response.stopped = True
        self.reply(LocalReply(500, PHRASES[500].encode(), (), "response_payload_too_large"))


class _ToUpstream:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def headers(self, fields: Fields, end: bool) -> None:
        if fields.get(b":path") is None:
            self._stream.reply(LocalReply(404, b"", (), "route_not_found"))
            return
        if problem := _what_no_upstream_gets(fields):
            details = f"filter_removed_required_request_headers{{{problem.replace(' ', '_')}}}"
            self._stream.reply(LocalReply(503, problem.encode(), (), details))
            return
        self._stream.at_upstream.headers, self._stream.at_upstream.bodyless = fields.copy(), end
        self._stream.info.upstream = "127.0.0.1:80"
        self._end(end)

    def data(self, piece: bytes, end: bool) -> None:
        self._stream.at_upstream.body += piece
        self._end(end)

    def trailers(self, fields: Fields) -> None:
        self._stream.at_upstream.trailers = fields
        self._end(True)

    def _end(self, end: bool) -> None:
        stream = self._stream
        if end:
            stream.at_upstream.ended = True
            if stream.answer is not None:
                stream.world.later(0, stream.answer)


def _what_no_upstream_gets(fields: Fields) -> str:
    """Why Envoy's router sends no request with these headers, or nothing (header_utility.cc)."""
    if fields.get(b":method") is None:
        return "missing required header: :method"
    for name, value in fields:
        if not _NAME.fullmatch(name):
            return f"invalid header name: {name.decode(errors='replace')}"
        if _CONTROL.search(value):
            return f"invalid header value for: {name.decode(errors='replace')}"
    return ""


class _ToClient:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def headers(self, fields: Fields, end: bool) -> None:
        if fields.get(b":status") is None:
            problem = "missing required header: :status"
            details = f"filter_removed_required_response_headers{{{problem.replace(' ', '_')}}}"
            self._stream.reply(LocalReply(502, problem.encode(), (), details))
            return
        received = self._stream.at_client
        received.headers, received.bodyless = fields.copy(), end
        received.early = received.early or not self._stream.request.ended
        self._end(end)

    def data(self, piece: bytes, end: bool) -> None:
        self._stream.info.response_bytes += len(piece)
        self._stream.at_client.body += piece
        self._end(end)

    def trailers(self, fields: Fields) -> None:
        self._stream.at_client.trailers = fields
        self._end(True)

    def _end(self, end: bool) -> None:
        if end:
            self._stream.at_client.ended = True
            self._stream.world.later(0, self._stream.finish)


class _Through:
    """A filter that is not there."""

    def headers(self, _fields: Fields, _end: bool) -> Headers:
        return Headers.CONTINUE

    def data(self, _piece: bytearray, _end: bool) -> Data:
        return Data.CONTINUE

    def trailers(self, _fields: Fields) -> Trailers:
        return Trailers.CONTINUE


class _Absent:
    def __init__(self) -> None:
        self.request: Stage = _Through()
        self.response: Stage = _Through()

    def log(self) -> None:
        """Nothing."""

    def destroy(self) -> None:
        """Nothing."""
