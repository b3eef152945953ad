"""An authorizer to try the recipe with: python3 authorizer.py [PORT].

It lets `Bearer alice` do everything and `Bearer bob` only GET, and prints each question.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USERS = {"Bearer alice": ("alice", {"GET", "POST", "DELETE"}), "Bearer bob": ("bob", {"GET"})}


class Authorizer(BaseHTTPRequestHandler):
    """Says 200 with `x-user`, to be kept for 30 seconds; 401 without a known credential; 403 for another method."""

    def answer(self) -> None:
        """Answer one question of the proxy."""
        user, methods = USERS.get(self.headers.get("authorization", ""), ("", set()))
        status = 401 if not user else 200 if self.command in methods else 403
        print(f"asked about {user or 'nobody'}: {self.command} {self.path}: {status}", flush=True)  # noqa: T201
        self.send_response(status)
        if status == 200:
            self.send_header("x-user", user)
            self.send_header("cache-control", "max-age=30")
        elif status == 401:
            self.send_header("www-authenticate", "Bearer")
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server finds them by these names

    def log_message(self, *_: object) -> None:
        """One line for each question is enough."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 9000), Authorizer).serve_forever()
