"""One direction of a stream through a filter, by the rules of Envoy's filter manager (filter_manager.cc)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from lateen.filterkit.host.fields import Fields

LIMIT = 1024 * 1024
"""The bytes that Envoy buffers for a filter by default (`per_connection_buffer_limit_bytes`)."""


class Headers(Enum):
    """What a filter answers to headers."""

    CONTINUE = auto()
    STOP = auto()
    STOP_ALL_AND_BUFFER = auto()
    STOP_ALL_AND_WATERMARK = auto()


class Data(Enum):
    """What a filter answers to a piece of body."""

    CONTINUE = auto()
    STOP_AND_BUFFER = auto()
    STOP_AND_WATERMARK = auto()
    STOP_NO_BUFFER = auto()


class Trailers(Enum):
    """What a filter answers to trailers."""

    CONTINUE = auto()
    STOP = auto()


class Stage(Protocol):
    """A filter, in one direction. A piece of body is given as an array that it may change."""

    def headers(self, fields: Fields, end: bool, /) -> Headers:
        """Headers came; `end` says that nothing follows."""

    def data(self, piece: bytearray, end: bool, /) -> Data:
        """A piece of body came."""

    def trailers(self, fields: Fields, /) -> Trailers:
        """Trailers came, and the body has ended before."""


class Sink(Protocol):
    """What comes behind the filter."""

    def headers(self, fields: Fields, end: bool) -> None:
        """Headers."""

    def data(self, piece: bytes, end: bool) -> None:
        """A piece of body."""

    def trailers(self, fields: Fields) -> None:
        """Trailers."""


class Half:
    """The filter manager's view of one direction; `too_large` is called when more than LIMIT bytes are buffered."""

    def __init__(self, stage: Stage, sink: Sink, too_large: Callable[[], None]) -> None:
        self.stage, self.sink, self._too_large = stage, sink, too_large
        self.fields: Fields | None = None
        self.buffered: bytearray | None = None
        self.ended = False
        self.stopped = False
        """Nothing goes through any more: the stream is over, or a local reply has taken its place."""
        self.headers_continued = False
        self._trailers: Fields | None = None
        self._state: Headers = Headers.CONTINUE
        self._streaming = False
        self._in_data = False

    def headers(self, fields: Fields, end: bool) -> None:
        """Headers come in."""
        self.fields, self.ended = fields, end
        answer = self.stage.headers(fields, end)
        if self.stopped:
            return
        if answer is Headers.CONTINUE:
            if not self.headers_continued:
                self.headers_continued = True
                self.sink.headers(fields, end)
        else:
            self._state = answer

    def data(self, piece: bytes, end: bool) -> None:
        """A piece of body comes in."""
        if self.stopped:
            return
        self.ended = end
        if self._stopped_all:
            self._streaming = self._state is Headers.STOP_ALL_AND_WATERMARK
            self.buffer(piece)
            return
        self._through_filter(bytearray(piece), end)

    def trailers(self, fields: Fields) -> None:
        """Trailers come in."""
        if self.stopped:
            return
        self._trailers, self.ended = fields, True
        if not self._stopped_all:
            self._trailers_through_filter()

    def resume(self) -> None:
        """The filter lets go what it has stopped."""
        if self.stopped or self.fields is None:
            return
        from_filter = self._stopped_all
        self._state = Headers.CONTINUE
        if not self.headers_continued:
            self.headers_continued = True
            self.sink.headers(self.fields, self.ended and self.buffered is None and self._trailers is None)
        had_trailers = self._trailers is not None
        if self.buffered is not None and not self.stopped:
            piece, self.buffered = self.buffered, None
            end = self.ended and not had_trailers
            if from_filter:
                self._through_filter(piece, end)
            else:
                self.sink.data(bytes(piece), end)
        if had_trailers and not self.stopped:
            if from_filter:
                self._trailers_through_filter()
            elif self._trailers is not None:
                self.sink.trailers(self._trailers)

    def buffer(self, piece: bytes | bytearray) -> None:
        """Keep bytes behind those that are kept already."""
        self.buffered = (self.buffered or bytearray()) + piece
        if len(self.buffered) > LIMIT and not self._streaming:
            self._too_large()

    def add_trailers(self) -> Fields | None:
        """Trailers that the filter adds at the end of a body; None at any other time."""
        if self._trailers is None and self.ended and self._in_data:
            self._trailers = Fields()
        return self._trailers

    @property
    def _stopped_all(self) -> bool:
        return self._state in (Headers.STOP_ALL_AND_BUFFER, Headers.STOP_ALL_AND_WATERMARK)

    def _through_filter(self, piece: bytearray, end: bool) -> None:
        self._in_data = True
        answer = self.stage.data(piece, end)
        self._in_data = False
        if self.stopped:
            return
        if answer is Data.CONTINUE:
            if self._state is Headers.STOP:
                self.buffer(piece)
                self.resume()
                return
            added = self._trailers if end else None
            self.sink.data(bytes(piece), end and added is None)
            if added is not None:
                self.sink.trailers(added)
            return
        self._state = Headers.STOP
        if answer is not Data.STOP_NO_BUFFER:
            self._streaming = answer is Data.STOP_AND_WATERMARK
            self.buffer(piece)
        elif end and self.buffered is None and self._trailers is None:
            self.buffered = bytearray()  # so that the end of the stream is passed on later

    def _trailers_through_filter(self) -> None:
        fields = self._trailers
        if fields is None:
            return
        answer = self.stage.trailers(fields)
        if self.stopped:
            return
        if answer is Trailers.STOP:
            self._state = Headers.STOP
        elif self._state is Headers.STOP:
            self.resume()
        else:
            self.sink.trailers(fields)
