"""A server that says who it is, what it was asked and by whom, on its pod IP, or on HOST if that is set.

`/slow?SECONDS` takes its time, `/file?PATH` answers with what a file holds.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HOST = os.environ.get("HOST", os.environ["POD_IP"])


class Handler(BaseHTTPRequestHandler):
    """Answers every method with JSON, and keeps connections open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; a body is read and dropped."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        target = urlsplit(self.path)
        if target.path == "/slow":
            time.sleep(float(target.query))
        content = {
            "name": os.environ["POD_NAME"],
            "path": self.path,
            "headers": {name: ",".join(self.headers.get_all(name, ())) for name in self.headers},
            "peer": self.client_address[0],
        }
        if target.path == "/file":
            content["file"] = Path(target.query).read_text()
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

    address_family = socket.AF_INET6 if ":" in HOST else socket.AF_INET
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without a look-up."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


Server((HOST, int(os.environ["PORT"])), Handler).serve_forever()
