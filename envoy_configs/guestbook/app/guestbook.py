"""A guest book: writes go to the leader of the store, reads to its followers."""

from __future__ import annotations

import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = os.environ["GUESTBOOK_KEY"]


def ask(service: str, *words: str) -> list[str]:
    """Send one command to a store; the lines of its answer that are values. Raises OSError."""
    name = service.upper().replace("-", "_")
    address = (os.environ.get(f"{name}_SERVICE_HOST", service), int(os.environ.get(f"{name}_SERVICE_PORT", "6379")))
    with socket.create_connection(address, timeout=5) as connection, connection.makefile("rwb") as stream:
        stream.write(
            b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
        )
        stream.flush()
        first = stream.readline().decode().strip()
        if not first or first[0] == "-":
            raise ConnectionError(first or "the store closed the connection")
        if first[0] != "*":
            return [first[1:]]
        return [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode() for _ in range(int(first[1:]))]


class Guestbook(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Show the entries, or with `cmd=set` add one, as the sample's page does."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/healthz":
            return self.answer({"ok": True})
        if url.path != "/guestbook.php":
            return self.answer({"error": "no such page"}, 404)
        try:
            if query.get("cmd") == ["set"]:
                ask("redis-leader", "RPUSH", KEY, query.get("value", [""])[0])
                return self.answer({"message": "Updated"})
            return self.answer({"entries": ask("redis-follower", "LRANGE", KEY, "0", "-1")})
        except OSError as error:
            return self.answer({"error": f"the store cannot be asked: {error}"}, 503)

    def answer(self, content: Any, status: int = 200) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (("content-type", "application/json"), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Keep quiet: proxies write the access log."""


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["POD_IP"], 8080), Guestbook).serve_forever()
