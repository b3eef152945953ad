"""A recipe of `envoy_configs/recipes/filters`, running: the bootstrap as it stands there, on free ports."""

from __future__ import annotations

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import requests
import yaml

from lateen.runtime.child import Child
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "envoy_configs/recipes/filters"
LOOPBACK = "127.0.0.1"


class Application:
    """A server while the block lasts: `arrived` has the headers (by lower-case name) and the body of each request."""

    def __init__(self) -> None:
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        application = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_DELETE(self) -> None:
                self._answer()

            def _answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                application.arrived.append((headers, self._body()))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def _body(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_: Any) -> None:
                """Not to standard error."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Recipe:
    """The Envoy of a recipe while the block lasts; `url` is its listener's, `admin` its administration's."""

    def __init__(self, name: str, folder: Path, application: int, workers: int = 1, **environment: str) -> None:
        """Start it in front of an application on that port, and wait until it serves."""
        config = yaml.safe_load((RECIPES / name / "envoy.yaml").read_text())
        _place(config, {9901: 0, 10000: 0, 8080: application})
        bootstrap, admin = folder / "envoy.yaml", folder / "admin"
        bootstrap.write_text(yaml.safe_dump(config, sort_keys=False))
        options = ("--concurrency", str(workers), "--disable-hot-restart", "--log-level", "warning")
        command = (str(find_envoy()), "-c", str(bootstrap), "--admin-address-path", str(admin), *options)
        self._process = Child(command, folder / "envoy.log", environment={**os.environ, **environment}, directory=ROOT)
        try:
            self.admin, self.url = self._ready(admin)
        except BaseException:
            stop([self._process])
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        stop([self._process])

    def metrics(self, name: str) -> list[str]:
        """The lines of a metric as Prometheus gets them."""
        text = requests.get(f"{self.admin}/stats/prometheus", timeout=5).text
        return [line for line in text.splitlines() if line.startswith(name)]

    def _ready(self, file: Path) -> tuple[str, str]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.running:
            if file.exists() and (address := file.read_text()):
                try:
                    if requests.get(f"http://{address}/ready", timeout=5).ok:
                        [listener] = requests.get(f"http://{address}/listeners?format=json", timeout=5).json()[
                            "listener_statuses"
                        ]
                        port = listener["local_address"]["socket_address"]["port_value"]
                        return f"http://{address}", f"http://{LOOPBACK}:{port}"
                except requests.ConnectionError:
                    pass
            time.sleep(0.02)
        raise AssertionError(self._process.tail(20))


def _place(node: Any, ports: dict[int, int]) -> None:
    """Other ports in place of those of the recipe."""
    if isinstance(node, list):
        for item in node:
            _place(item, ports)
    elif isinstance(node, dict):
        if node.get("port_value") in ports:
            node["port_value"] = ports[node["port_value"]]
        for value in node.values():
            _place(value, ports)
