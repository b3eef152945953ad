"""The server behind Envoy: it remembers what it got and answers as it was told."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from types import TracebackType
from typing import Self

from lateen.filterkit.scenarios.http1 import read_request, write_response
from lateen.filterkit.scenarios.message import Message
from lateen.filterkit.scenarios.pace import send

LOOPBACK = "127.0.0.1"
_SECONDS = 10.0


class Upstream:
    """An HTTP/1.1 server on a free loopback port while the block lasts; one request per connection.

    `response` is what the next request is answered with, `received` the last request that came in whole.
    """

    def __init__(self) -> None:
        self.response = Message()
        self.received: Message | None = None
        upstream = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = _SECONDS

            def handle(self) -> None:
                with contextlib.suppress(EOFError, OSError):  # Envoy gave up the request
                    upstream.received = request = read_request(self.rfile)
                    send(self.connection, write_response(upstream.response, request.header(":method") or ""))

        self._server = _Server((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

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


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
