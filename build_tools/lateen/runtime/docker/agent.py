"""What runs in the sandbox of a pod: it holds the pod's network, and is the way into it from this machine.

This file is copied into the container and run there by itself, so that it uses the standard library alone.

On the port of its first argument it is an HTTP proxy in the pod's network: tests and probes call through it as the
application would, with the pod's names, its redirection and its loopback. A name that nothing resolves stands for the
address of the second argument, if there is one: where a sidecar decides what may be called, it is asked.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds until a connection in which nothing happens is given up."""

ERROR = "x-lateen-error"
"""The header of an answer that is the agent's own: what became of the connection."""

_BLOCK = 65_536
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"})
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
        target = urlsplit(self.path)
        try:
            key = target.hostname or "", target.port or 80
        except ValueError:
            self.send_error(400)
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server = self.servers.get(key) or http.client.HTTPConnection(self._known(*key), key[1], timeout=TIMEOUT)
        try:
            answer = self._ask(server, target._replace(scheme="", netloc="").geturl() or "/", body)
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.servers.pop(key, None)
            server.close()
            self._fail(error)
            return
        self.servers[key] = server
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _ask(self, server: http.client.HTTPConnection, path: str, body: bytes) -> http.client.HTTPResponse:
        server.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                server.putheader(name, value)
        server.endheaders(body or None)
        return server.getresponse()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward  # noqa: N815

    def do_CONNECT(self) -> None:
        """Connect the client to a server and carry bytes both ways until either ends."""
        host, _, port = self.path.rpartition(":")
        try:
            server = socket.create_connection((self._known(host.strip("[]"), int(port)), int(port)), TIMEOUT)
        except (OSError, ValueError, OverflowError) as error:
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

    def _fail(self, error: Exception) -> None:
        name = next((name for kind, name in _NAMES.items() if isinstance(error, kind)), "reset")
        self.send_response_only(502)
        self.send_header(ERROR, name)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """The proxies log what passes."""


def _carry(client: socket.socket, server: socket.socket) -> None:
    other = {client: server, server: client}
    while ready := select.select([*other], [], [], TIMEOUT)[0]:
        for source in ready:
            try:
                block = source.recv(_BLOCK)
                other[source].sendall(block)
            except OSError:
                return
            if not block:
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
