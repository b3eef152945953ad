"""What Envoy's HTTP/1.1 edge does to messages before filters see them, and behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from email.utils import formatdate

from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.stream import Received
from lateen.filterkit.host.world import NANOSECONDS
from lateen.filterkit.scenarios.http1 import sent_request, sent_response
from lateen.filterkit.scenarios.message import Message, to_bytes, to_text

_HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"))
_INTERNAL = frozenset(
    [
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-force-trace",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-internal",
        "x-envoy-ip-tags",
        "x-envoy-max-retries",
        "x-envoy-original-url",
        "x-envoy-retriable-header-names",
        "x-envoy-retriable-status-codes",
        "x-envoy-retry-grpc-on",
        "x-envoy-retry-on",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-stream-duration-ms",
        "x-forwarded-client-cert",
    ]
)
"""Headers that a client may not send."""
_FRAMING = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding")
_NO_BODY = (b"204", b"304")
_BODYLESS = (b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT")


def request_headers(message: Message, *, unfinished: bool = False) -> Fields:
    """A request's headers as the first filter sees them."""
    sent, _, _ = sent_request(message, unfinished=unfinished)
    pseudo = [(b":authority", message.header(":authority") or ""), (b":path", message.header(":path") or "")]
    pseudo += [(b":method", message.header(":method") or ""), (b":scheme", "http")]
    fields = Fields(((name, to_bytes(value)) for name, value in pseudo), "request")
    for name, value in sent:
        lower = name.lower()
        if not lower.startswith(":") and lower not in _HOP_BY_HOP and lower not in _INTERNAL:
            fields.add(to_bytes(lower), to_bytes(value.strip()))
    if fields.get(b"x-forwarded-proto") is None:
        fields.add(b"x-forwarded-proto", b"http")
    return fields


def request_trailers(message: Message) -> Fields | None:
    """A request's trailers, if it has any."""
    return _trailers(message)


def response(message: Message, method: str) -> tuple[Fields, list[bytes], Fields | None]:
    """Headers, pieces of body and trailers of a response as filters see them."""
    headers, chunks, _ = sent_response(message, method)
    fields = Fields(((to_bytes(name), to_bytes(value.strip())) for name, value in headers), "response")
    return fields, [to_bytes(chunk) for chunk in chunks], _trailers(message) if method != "HEAD" else None


def at_upstream(received: Received) -> Message:
    """A request as the upstream reads it."""
    fields = received.headers or Fields()
    method = fields.get(b":method") or b""
    first = [(b":method", method), (b":path", fields.get(b":path") or b"")]
    first += [(b":authority", host) for host in fields.all(b":authority")]
    rest = [item for item in fields if not item[0].startswith(b":") and item[0] not in _FRAMING]
    if fields.get(b"content-length") is None:
        if not received.bodyless:
            rest.append((b"transfer-encoding", b"chunked"))
        elif method not in _BODYLESS:
            rest.append((b"content-length", b"0"))
    return _message((*first, *rest), received)


def at_client(received: Received, now: int, method: str) -> Message:
    """A response as the client reads it."""
    fields = received.headers or Fields()
    headers = [line for item in fields if item[0] not in _FRAMING for line in _lines(*item)]
    framed = fields.get(b"content-length") is not None
    if not framed and (method == "HEAD" or not received.bodyless):
        headers.append((b"transfer-encoding", b"chunked"))
    elif not framed:
        headers.append((b"content-length", b"0"))
    if received.early:
        headers.append((b"connection", b"close"))
    if fields.get(b"date") is None:
        headers.append((b"date", formatdate(now / NANOSECONDS, usegmt=True).encode()))
    length = b"0" if fields.get(b":status") in _NO_BODY else fields.get(b"content-length") or b""
    read = replace(received, body=received.body[: int(length)]) if length.isdigit() else received
    return _message(headers, read)


def _lines(name: bytes, value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A response's header as it is read: Envoy's HTTP/1.1 codec lets line breaks through, and each begins another."""
    first, *more = value.split(b"\n")
    yield name, first.strip()
    for line in more:
        name, _, value = line.partition(b":")
        yield name.strip().lower(), value.strip()


def _message(headers: Iterable[tuple[bytes, bytes]], received: Received) -> Message:
    return Message(
        tuple((to_text(name), to_text(value)) for name, value in headers),
        (to_text(received.body),) if received.body else (),
        tuple((to_text(name), to_text(value)) for name, value in received.trailers),
    )


def _trailers(message: Message) -> Fields | None:
    if not message.trailers:
        return None
    return Fields((to_bytes(name.lower()), to_bytes(value.strip())) for name, value in message.trailers)
