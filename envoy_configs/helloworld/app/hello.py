"""Says hello, with its version and instance."""

from __future__ import annotations

import argparse
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETINGS = {"v1": "Hello", "v2": "Ahoy"}
VERSION = os.environ["SERVICE_VERSION"]


class Hello(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Greet."""
        found = self.path.partition("?")[0] == "/hello"
        text = (
            f"{GREETINGS[VERSION]} version: {VERSION}, instance: {os.environ['INSTANCE']}\n" if found else "not here\n"
        )
        self.send_response(200 if found else 404)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object) -> None:
        """Keep quiet: proxies write the access log."""


def main() -> None:
    """Serve, or with --check say whether there is a greeting for this version."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    options = parser.parse_args()
    if VERSION not in GREETINGS:
        raise SystemExit(f"no greeting for version {VERSION}")
    if not options.check:
        ThreadingHTTPServer((options.host, options.port), Hello).serve_forever()


if __name__ == "__main__":
    main()
