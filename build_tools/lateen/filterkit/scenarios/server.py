"""An HTTP/1.1 server on a loopback port."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from io import BufferedIOBase
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
_SECONDS = 10.0
_POLL = 0.02

Handle = Callable[[socket.socket, BufferedIOBase], None]
"""What is done with a connection, given the stream of what it reads; EOFError, OSError and ValueError end it."""


class Server:
    """It serves while the block lasts, each connection on a thread of its own."""

    def __init__(self, handle: Handle, port: int = 0) -> None:
        """Bind it; port 0 is any that is free."""

        class Handler(socketserver.StreamRequestHandler):
            timeout = _SECONDS

            def handle(self) -> None:
                with contextlib.suppress(
                    EOFError, OSError, ValueError
                ):  # the client gave up, or a filter broke what it says
                    handle(self.connection, self.rfile)

        self._server = _Threads((LOOPBACK, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def reset(connection: socket.socket) -> None:
    """Break the connection off, so that the other end sees that."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def wait_for_the_end(connection: socket.socket) -> None:
    """Answer nothing until the other end gives up."""
    while connection.recv(4096):
        pass


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    allow_reuse_port = True
