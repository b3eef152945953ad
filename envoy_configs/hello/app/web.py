"""web: a page with a greeting from its neighbour. Standard library only."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

FORWARDED = ("x-request-id", "traceparent", "x-preview")
"""Headers that belong to the caller's request: an application hands them on, so that they hold for the whole call."""


def greeting(headers: dict[str, str]) -> str:
    """What greeter says, or why it says nothing. urllib goes through the `http_proxy` of the environment."""
    try:
        with urlopen(Request("http://greeter:8080/", headers=headers), timeout=5) as answer:
            return str(answer.read().decode())
    except OSError as error:  # refused, denied (an HTTP error is one too), or too slow
        return f"No greeting today ({error}).\n"


class Page(BaseHTTPRequestHandler):
    """GET / is the page, GET /healthz says that it is there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/healthz":
            text = "ok\n"
        else:
            text = greeting({name: self.headers[name] for name in FORWARDED if name in self.headers})
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PORT"])), Page).serve_forever()
