"""The four services of a page about a book: one program that plays the role that its environment names.

It needs nothing but Python's standard library and knows nothing of the mesh. It calls its neighbours by name (through
`http_proxy` where the environment sets one) and hands on the headers that tie a trace and a user together.
"""

from __future__ import annotations

import json
import os
import re
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

ROLE = os.environ["ROLE"]
VERSION = os.environ["VERSION"]
STARS = {"v2": "black", "v3": "red"}
"""Versions of `reviews` that show ratings, and their colour."""

FORWARDED = ("x-request-id", "traceparent", "tracestate", "b3", "end-user", "user-agent")


class Books(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Find the page of this role."""
        path = urlsplit(self.path).path
        if path == "/health":
            self.answer({"status": f"{ROLE} is healthy"})
        elif page := PAGES[ROLE].get(re.sub(r"\d+", "ID", path)):
            page(self)
        else:
            self.answer({"error": f"{ROLE} has no {path}"}, 404)

    def product_page(self) -> None:
        """productpage: what details and reviews know, for the user of the session."""
        session = SimpleCookie(self.headers.get("cookie", "")).get("session")
        user = {"end-user": session.value} if session else {}
        details = self.fetch("http://details:9080/details/0", user)
        self.answer({"details": details, "reviews": self.fetch("http://reviews:9080/reviews/0", user)})

    def products(self) -> None:
        """productpage: the list of books."""
        self.answer([{"id": 0, "title": "The Tempest"}])

    def login(self) -> None:
        """productpage: a session for the user that the query names."""
        user = parse_qs(urlsplit(self.path).query).get("username", [""])[0]
        cookie: SimpleCookie = SimpleCookie({"session": user})
        self.answer({"user": user}, headers={"set-cookie": cookie["session"].OutputString()})

    def details(self) -> None:
        """details: the imprint."""
        self.answer({"title": "The Tempest", "year": 1611, "pages": 128, "language": "English"})

    def reviews(self) -> None:
        """reviews: two opinions; versions other than v1 ask for ratings."""
        content: dict[str, Any] = {"reviews": ["Wrecked, and worth it.", "Too much weather."]}
        if VERSION in STARS:
            content |= {"stars": STARS[VERSION], "ratings": self.fetch("http://ratings:9080/ratings/0", {})}
        self.answer(content)

    def ratings(self) -> None:
        """ratings: the bare numbers."""
        self.answer({"first": 5, "second": 4})

    def fetch(self, url: str, more: dict[str, str]) -> Any:
        """The JSON of a neighbour, or what went wrong: a page with a gap is better than no page."""
        headers = {name: value for name in FORWARDED if (value := self.headers.get(name))} | more
        try:
            with urlopen(Request(url, headers=headers), timeout=5) as response:  # noqa: S310 - always http
                return json.load(response)
        except HTTPError as error:
            return {"unavailable": error.code}
        except (URLError, TimeoutError, ValueError) as error:
            return {"unavailable": type(error).__name__}

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send JSON; every answer says who gave it."""
        body = json.dumps(content).encode()
        self.send_response(status)
        served = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-served-by": f"{ROLE}-{VERSION}",
        }
        for name, value in (served | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Keep quiet: proxies write the access log."""


PAGES = {
    "productpage": {
        "/productpage": Books.product_page,
        "/api/vID/products": Books.products,
        "/login": Books.login,
    },
    "details": {"/details/ID": Books.details},
    "reviews": {"/reviews/ID": Books.reviews},
    "ratings": {"/ratings/ID": Books.ratings},
}

if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["POD_IP"], int(sys.argv[1])), Books).serve_forever()
