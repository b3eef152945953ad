"""What runs in the sandbox of a pod: it holds the pod's network, and is the way into it from this machine.

This file is copied into the container and run there by itself, so that it uses the standard library alone.

On the port of its first argument it is an HTTP proxy in the pod's network: tests and probes call through it as the
application would, with the pod's names, its redirection and its loopback. A name that nothing resolves stands for the
address of the second argument, if there is one: where a sidecar decides what may be called, it is asked.

Bodies pass block by block, so that streams do, and none is held in memory. What HTTP/1.1 requests cannot be handed on
as (HTTP/2, WebSocket, TLS, plain TCP) goes through a tunnel (CONNECT).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import signal
import socket
import socketserver
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds until a connection in which nothing happens is given up."""

ERROR = "x-lateen-error"
"""The header of an answer that is the agent's own: what became of the connection."""

_BLOCK = 65_536
_LINE = 4_096
_CONNECTIONS = 16
"""Connections to servers that are kept for one client."""

_HOP_BY_HOP = frozenset(
    {"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_NAMES = {ConnectionRefusedError: "refused", TimeoutError: "timeout", socket.gaierror: "unknown-host"}


class Handler(BaseHTTPRequestHandler):
    """One client's connection, with a connection to each server that it asks for."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT

    def setup(self) -> None:
        """Begin without connections."""
        super().setup()
        self.servers: dict[tuple[str, int], http.client.HTTPConnection] = {}

    def finish(self) -> None:
        """Close them with the client's."""
        for server in self.servers.values():
            server.close()
        super().finish()

    def forward(self) -> None:
        """Hand a request on and its answer back."""
        try:
            target = urlsplit(self.path)
            key = target.hostname or "", target.port or 80
            body = self._body()
        except ValueError:
            self._refuse()
            return
        server = self._connection(*key)
        try:
            answer = self._ask(server, target._replace(scheme="", netloc="", fragment="").geturl() or "/", body)
        except (ValueError, http.client.InvalidURL):  # the body, a header or the path
            server.close()
            self._refuse()
        except (OSError, http.client.HTTPException) as error:
            server.close()
            self._skip(body)
            self._fail(error)
        else:
            self._skip(body)
            self._answer(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward  # noqa: N815

    def _body(self) -> Iterator[bytes]:
        """The body of a request in blocks. Raises ValueError if its length is none; so may the blocks."""
        length = self.headers.get("content-length", "0")
        coding = self.headers.get("transfer-encoding", "")
        if not (length.isascii() and length.isdigit()) or (coding and "content-length" in self.headers):
            raise ValueError(length)
        if coding.lower() not in ("", "chunked"):
            raise ValueError(coding)
        return self._chunks() if coding else self._blocks(int(length))

    def _blocks(self, length: int) -> Iterator[bytes]:
        while length:
            block = self.rfile.read(min(length, _BLOCK))
            if not block:
                raise ValueError(length)
            length -= len(block)
            yield block

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(_LINE).partition(b";")[0], 16):
            if size < 0:
                raise ValueError(size)
            yield from self._blocks(size)
            self.rfile.readline(_LINE)
        while self.rfile.readline(_LINE).strip():  # trailers
            pass

    def _skip(self, body: Iterator[bytes]) -> None:
        """Read what the server did not wait for: the client's next request comes after it."""
        try:
            for _ in body:
                pass
        except (OSError, ValueError):
            self.close_connection = True

    def _connection(self, host: str, port: int) -> http.client.HTTPConnection:
        """The connection to a server that is kept, unless the server has closed it, else a new one."""
        kept = self.servers.pop((host, port), None)
        if kept and kept.sock and select.select([kept.sock], [], [], 0)[0]:
            kept.close()  # it opens itself again
        elif len(self.servers) >= _CONNECTIONS:
            self.servers.pop(next(iter(self.servers))).close()
        server = kept or http.client.HTTPConnection(self._known(host, port), port, timeout=TIMEOUT)
        self.servers[host, port] = server
        return server

    def _ask(self, server: http.client.HTTPConnection, path: str, body: Iterator[bytes]) -> http.client.HTTPResponse:
        server.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                server.putheader(name, value)
        chunked = "transfer-encoding" in self.headers
        if chunked:
            server.putheader("transfer-encoding", "chunked")
        server.endheaders()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before the end
            for block in body:
                server.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            if chunked:
                server.send(b"0\r\n\r\n")
        return server.getresponse()

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        """Hand an answer back; one that ends too early ends the client's connection."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        unbounded = answer.length is None
        chunked = unbounded and self.request_version != "HTTP/1.0"
        if chunked:
            self.send_header("transfer-encoding", "chunked")
        elif unbounded:
            self.send_header("connection", "close")
        self.end_headers()
        read = answer.read1 if unbounded else answer.read
        try:
            while block := read(_BLOCK):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection |= bool(answer.length)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            answer.close()

    def do_CONNECT(self) -> None:
        """Connect the client to a server and carry bytes both ways until both have ended."""
        try:
            target = urlsplit(f"//{self.path}")
            host, port = target.hostname or "", target.port
        except ValueError:
            port = None
        if not port:
            self._refuse()
            return
        try:
            server = socket.create_connection((self._known(host, port), port), TIMEOUT)
        except OSError as error:
            self._fail(error)
            return
        self.close_connection = True
        with server:
            self.send_response_only(200)
            self.end_headers()
            _carry(self.connection, server)

    def _known(self, host: str, port: int) -> str:
        """The host, or what stands for it."""
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return self.server.unknown or host
        return host

    def _refuse(self) -> None:
        """Answer that this is no request; where it ends nobody knows."""
        self.close_connection = True
        self.send_error(400)

    def _fail(self, error: Exception) -> None:
        """Answer what became of the connection to the server."""
        name = next((name for kind, name in _NAMES.items() if isinstance(error, kind)), "reset")
        self.send_response_only(502)
        self.send_header(ERROR, name)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """The proxies log what passes."""


def _carry(client: socket.socket, server: socket.socket) -> None:
    """Hand on what each says until it ends; the other may still say more then."""
    other = {client: server, server: client}
    talking = {client, server}
    while talking and (ready := select.select([*talking], [], [], TIMEOUT)[0]):
        for source in ready:
            try:
                if block := source.recv(_BLOCK):
                    other[source].sendall(block)
                else:
                    talking.remove(source)
                    other[source].shutdown(socket.SHUT_WR)
            except OSError:
                return


class Server(ThreadingHTTPServer):
    """Takes its address as it is: looking its name up would ask DNS."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, unknown: str) -> None:
        self.unknown = unknown
        super().__init__(("0.0.0.0", port), Handler)  # noqa: S104 - the rules let this machine and the pod in alone

    def server_bind(self) -> None:
        """Bind without a look-up."""
        socketserver.TCPServer.server_bind(self)


def serve(port: int, unknown: str = "") -> None:
    """Serve until SIGTERM, which the first process of a container must ask for."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    Server(port, unknown).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:])
