"""A TCP server on its pod IP: sends every line back, with GREETING first if there is one."""

from __future__ import annotations

import os
import socketserver


class Lines(socketserver.StreamRequestHandler):
    """Answers line by line, until the client has nothing more to say."""

    def handle(self) -> None:
        """Greet, then answer."""
        if greeting := os.environ.get("GREETING"):
            self.wfile.write(f"{greeting}\n".encode())
        while line := self.rfile.readline():
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    """A thread per connection."""

    allow_reuse_address = True  # connections of an earlier mesh at this address have ended
    daemon_threads = True
    request_queue_size = 128


Server((os.environ["POD_IP"], int(os.environ["PORT"])), Lines).serve_forever()
