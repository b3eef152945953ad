"""Registries that do what no real one does: each answers what a test tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """What a path answers. With `endless` its content comes again and again, and no length is declared."""

    status: int = 200
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    authorization: str | None


class FakeRegistry(ThreadingHTTPServer):
    """`replies` are by `METHOD path`; what is not among them is not there. `requests` tells what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Reply | list[Reply]] = {}
        self.requests: list[Request] = []

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server_port}"

    def authorizations(self, path: str) -> list[str | None]:
        """What came as `Authorization` with the requests of a path."""
        return [request.authorization for request in self.requests if request.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeRegistry

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.server.requests.append(Request(self.command, path, self.headers.get("Authorization")))
        found = self.server.replies.get(f"{self.command} {path}", Reply(404))
        reply = found.pop(0) if isinstance(found, list) and len(found) > 1 else found
        reply = reply[0] if isinstance(reply, list) else reply
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.endless:
            self.close_connection = True
        elif "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        try:
            self.wfile.write(reply.content)
            while reply.endless:
                self.wfile.write(reply.content)
        except OSError:  # the client has enough
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass
