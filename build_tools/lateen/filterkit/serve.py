"""Modules over plain HTTP, for Envoy's remote fetch: the digest in its configuration says that they are the right ones.

`/index.json` lists them; `/NAME/SHA256.wasm` is one. Content never changes under its path.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from lateen.diagnostics import MeshError
from lateen.filterkit.catalog import Filter, unbuilt

INDEX = "/index.json"
MAX_CONNECTIONS = 64
TIMEOUT_SECONDS = 10.0
"""How long a client may say and take nothing."""

CONNECTION_SECONDS = 60.0
"""How long a connection lasts, whatever the client does."""


@dataclass(frozen=True, slots=True)
class Served:
    """What stands under a path; `sha256` is that of its content, in hex."""

    media_type: str
    content: bytes
    sha256: str
    lasting: bool


def served(filters: Iterable[Filter]) -> dict[str, Served]:
    """The index and the modules of Wasm filters, by path. Raises MeshError (LAT0606) for one that is not built."""
    filters = list(filters)
    if faults := tuple(fault for suite in filters for fault in unbuilt(suite)):
        raise MeshError(faults)
    modules = {f"/{suite.name}/{suite.sha256}.wasm": suite for suite in filters}
    listed = [
        {"name": suite.name, "path": path, "sha256": suite.sha256, "size": len(suite.module())}
        for path, suite in modules.items()
    ]
    index = orjson.dumps({"version": 1, "modules": listed})
    return {
        INDEX: Served("application/json", index, hashlib.sha256(index).hexdigest(), lasting=False),
        **{p: Served("application/wasm", s.module(), s.sha256, lasting=True) for p, s in modules.items()},
    }


class ModuleServer(ThreadingHTTPServer):
    """An HTTP server of `paths`; what is not among them is not there. `MAX_CONNECTIONS` are served at a time."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], paths: dict[str, Served]) -> None:
        """Raises OSError if the address cannot be taken."""
        self.paths = paths
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Where it is reached."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family is socket.AF_INET6 else f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a place before the thread is made; the kernel's queue holds the others."""
        self._places.acquire()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Give the place back."""
        try:
            super().shutdown_request(request)
        finally:
            self._places.release()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "lateen"
    sys_version = ""
    timeout = TIMEOUT_SECONDS
    server: ModuleServer

    def setup(self) -> None:
        super().setup()
        self._end = threading.Timer(CONNECTION_SECONDS, self._cut)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # it has ended by itself
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        found = self.server.paths.get(self.path.partition("?")[0])
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        tag = f'"{found.sha256}"'
        known = {entry.strip().removeprefix("W/") for entry in self.headers.get("If-None-Match", "").split(",")}
        unchanged = bool(known & {tag, "*"})
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "public, max-age=31536000, immutable" if found.lasting else "no-cache")
        if not unchanged:
            self.send_header("Content-Type", found.media_type)
            self.send_header("Content-Length", str(len(found.content)))
        self.end_headers()
        if with_content and not unchanged:
            self.wfile.write(found.content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - as in http.server
        """Say nothing: what a client sends would end on the terminal."""
