"""HTTP/1.1 as it stands on the wire.

A client library would join repeated headers, merge chunks, correct the host and drop trailers, and these are what
scenarios are about. So messages are written as they are given; what is read comes from Envoy and is well-formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

from lateen.filterkit.scenarios.message import Fields, Message, joined, to_bytes, to_text

_BODYLESS = ("204", "304")


def write_request(message: Message, *, unfinished: bool = False) -> Iterator[bytes]:
    """The pieces of a request, each to be sent on its own: the head, then chunk by chunk.

    The last piece of an `unfinished` one does not end it.
    """
    authority = message.header(":authority")
    host = (("host", authority),) if authority is not None else ()
    return _write(f"{message.header(':method')} {message.header(':path')} HTTP/1.1", host, message, unfinished)


def write_response(message: Message, method: str) -> Iterator[bytes]:
    """The pieces of the response to a request with that method; status 200 unless the message says otherwise."""
    status = message.header(":status") or "200"
    start = f"HTTP/1.1 {status} Scenario"
    if method == "HEAD" or status in _BODYLESS:
        return _write(start, (), Message(message.headers))
    empty = not message.body and not message.trailers and message.header("content-length") is None
    return _write(start, (("content-length", "0"),) if empty else (), message)


def sent_response(message: Message, method: str) -> tuple[Fields, tuple[str, ...], Fields]:
    """Headers, chunks and trailers of the response to a request with that method, as they go over the wire."""
    status = message.header(":status") or "200"
    bodyless = method == "HEAD" or status in _BODYLESS
    sent = Message(message.headers) if bodyless else message
    empty = not bodyless and not sent.body and not sent.trailers and sent.header("content-length") is None
    fields, _ = _framed((("content-length", "0"),) if empty else (), sent, unfinished=False)
    return ((":status", status), *fields), tuple(chunk for chunk in sent.body if chunk), sent.trailers


def sent_request(message: Message, *, unfinished: bool = False) -> tuple[Fields, tuple[str, ...], Fields]:
    """Headers, chunks and trailers of a request, as they go over the wire."""
    fields, _ = _framed((), message, unfinished=unfinished)
    pseudo = tuple((name, value) for name, value in message.headers if name.startswith(":"))
    return (*pseudo, *fields), tuple(chunk for chunk in message.body if chunk), message.trailers


def read_request(stream: BufferedIOBase) -> Message:
    """The next request. Raises EOFError if the connection ends before the request does."""
    method, path, _ = _line(stream).split(" ", 2)
    fields = _read_fields(stream)
    body, trailers = _read_body(stream, fields)
    authority = joined(fields, "host")
    pseudo = ((":method", method), (":path", path), *(((":authority", authority),) if authority is not None else ()))
    rest = tuple(field for field in fields if field[0].lower() != "host")
    return Message((*pseudo, *rest), body, trailers)


def read_response(stream: BufferedIOBase, method: str) -> Message:
    """The response to a request with that method. Raises EOFError if the connection ends before it does."""
    status = _line(stream).split(" ", 2)[1]
    fields = _read_fields(stream)
    empty = method == "HEAD" or status in _BODYLESS
    body, trailers = ((), ()) if empty else _read_body(stream, fields)
    return Message(((":status", status), *fields), body, trailers)


def _write(start: str, more: Fields, message: Message, unfinished: bool = False) -> Iterator[bytes]:
    fields, chunked = _framed(more, message, unfinished=unfinished)
    yield to_bytes(f"{start}\r\n{_lines(fields)}\r\n")
    for chunk in message.body:
        data = to_bytes(chunk)
        if data:  # an empty chunk would end the body
            yield b"%x\r\n%s\r\n" % (len(data), data) if chunked else data
    if chunked and not unfinished:
        yield to_bytes(f"0\r\n{_lines(message.trailers)}\r\n")


def _framed(more: Fields, message: Message, *, unfinished: bool) -> tuple[Fields, bool]:
    """The headers, with one that tells the length where it is not known otherwise; whether the body is chunked."""
    fields = (*more, *(field for field in message.headers if not field[0].startswith(":")))
    chunked = joined(fields, "transfer-encoding") is not None
    if not chunked and joined(fields, "content-length") is None and (message.body or message.trailers or unfinished):
        return (*fields, ("transfer-encoding", "chunked")), True
    return fields, chunked


def _lines(fields: Fields) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


def _read_body(stream: BufferedIOBase, fields: Fields) -> tuple[tuple[str, ...], Fields]:
    if joined(fields, "transfer-encoding") is None:
        length = int(joined(fields, "content-length") or 0)
        return ((_exactly(stream, length),) if length else ()), ()
    chunks: list[str] = []
    while size := int(_line(stream).partition(";")[0], 16):
        chunks.append(_exactly(stream, size))
        _line(stream)
    return tuple(chunks), _read_fields(stream)


def _read_fields(stream: BufferedIOBase) -> Fields:
    fields: list[tuple[str, str]] = []
    while line := _line(stream):
        name, _, value = line.partition(":")
        fields.append((name, value.strip()))
    return tuple(fields)


def _line(stream: BufferedIOBase) -> str:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the connection ended within a message")
    return to_text(line).rstrip("\r\n")


def _exactly(stream: BufferedIOBase, size: int) -> str:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the connection ended within a body")
    return to_text(data)
