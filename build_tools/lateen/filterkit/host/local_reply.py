"""An answer that is not the upstream's, in the form that Envoy gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lateen.filterkit.host.fields import Fields

PHRASES = {408: "Request Timeout", 413: "Payload Too Large", 500: "Internal Server Error", 503: "Service Unavailable"}

_GRPC_STATUS = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class LocalReply:
    """`headers` are added to Envoy's own; `grpc_status` is for callers by gRPC, else it follows the status."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    details: str = ""
    grpc_status: int | None = None

    def message(self, *, grpc: bool, head: bool) -> tuple[Fields, bytes]:
        """Headers and body for a request; a caller by gRPC gets neither status nor body of HTTP."""
        if grpc:
            return self._for_grpc(head), b""
        fields = Fields(((b":status", b"%d" % self.status),), "response")
        _add(fields, self.headers)
        if self.body:
            fields.replace(b"content-length", b"%d" % len(self.body))
            if fields.get(b"content-type") is None:
                fields.add(b"content-type", b"text/plain")
        else:
            fields.remove(b"content-length")
            fields.remove(b"content-type")
        return fields, b"" if head else self.body

    def _for_grpc(self, head: bool) -> Fields:
        status = _GRPC_STATUS.get(self.status, _UNKNOWN) if self.grpc_status is None else self.grpc_status
        fields = Fields(((b":status", b"200"),), "response")
        _add(fields, self.headers)
        fields.replace(b"content-type", b"application/grpc")
        if not fields.get(b"grpc-status"):
            fields.replace(b"grpc-status", b"%d" % status)
        if self.body and not head:
            fields.replace(b"grpc-message", _percent_encoded(self.body))
        fields.remove(b"content-length")
        return fields


def is_grpc(headers: Fields) -> bool:
    """Whether a request is one by gRPC."""
    kind = headers.get(b"content-type") or b""
    return kind == b"application/grpc" or kind.startswith(b"application/grpc+")


def _add(fields: Fields, more: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in more:
        fields.add(name, value)


def _percent_encoded(text: bytes) -> bytes:
    return b"".join(bytes((b,)) if 0x20 <= b < 0x7E and b != 0x25 else b"%%%02X" % b for b in text)
