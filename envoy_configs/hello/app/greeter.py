"""greeter: one line. Standard library only."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = f"{os.environ['GREETING']}\n".encode()


class Greeter(BaseHTTPRequestHandler):
    """GET gives the greeting, whatever the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING)


ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PORT"])), Greeter).serve_forever()
