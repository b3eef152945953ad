"""A server that says who it is and what it was asked, on its pod IP. `/slow?SECONDS` takes its time."""

from __future__ import annotations

import json
import os
import socketserver
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    """Answers every method with JSON, and keeps connections open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; a body is read and dropped."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        target = urlsplit(self.path)
        if target.path == "/slow":
            time.sleep(float(target.query))
        content = {"name": os.environ["POD_NAME"], "path": self.path, "headers": dict(self.headers.items())}
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that http.server looks for

    def log_message(self, *_args: object) -> None:
        """Requests are in the access logs of the proxies."""


class Server(ThreadingHTTPServer):
    """Takes its address as it is: looking its name up would ask DNS."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without a look-up."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


Server((os.environ["POD_IP"], int(os.environ["PORT"])), Handler).serve_forever()
