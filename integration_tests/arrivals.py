"""A server that remembers the headers of what it got."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self


class Arrivals:
    """An application while the block lasts: `headers[path]` are those of the request to it, by lower-case name.

    It answers every GET, with the header `x-envoy-peer-metadata: forged` if the path ends in `forged`.
    """

    def __init__(self, address: str) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                arrivals.headers[self.path] = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(200)
                if self.path.endswith("forged"):
                    self.send_header("x-envoy-peer-metadata", "forged")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Not to standard error."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
