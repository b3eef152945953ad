"""Calls through the route configurations of a mesh, on one real Envoy.

Each proxy's route configurations get a listener each; all of its clusters lead to one server that says what arrived.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.schema.binary import find_envoy
from lateen.scope.scope import scope
from lateen.xds.clusters import clusters
from lateen.xds.routes import gateway_routes, outbound_routes
from lateen.xds.snapshot import Config

BEHAVIOUR = Path(__file__).parent / "behaviour"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"


@dataclass(frozen=True)
class Answer:
    """What a caller sees, and what the destination saw (empty when no destination was reached)."""

    status: int
    headers: dict[str, str]
    seen: dict[str, Any]
    body: str = ""


@dataclass
class Arrivals:
    """What the destination counts per call id."""

    attempts: Counter[str] = field(default_factory=Counter)
    mirrored: Counter[str] = field(default_factory=Counter)


def _handler(arrivals: Arrivals) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # one write per answer: two would wait for the peer's delayed acknowledgement

        def do_GET(self) -> None:
            call = self.headers.get("x-call", "")
            if "-shadow" in self.headers.get("host", ""):
                arrivals.mirrored[call] += 1
            else:
                arrivals.attempts[call] += 1
            time.sleep(float(self.headers.get("x-sleep", 0)))
            failing = arrivals.attempts[call] <= int(self.headers.get("x-fail-times", 0))
            headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
            seen = {"method": self.command, "path": self.path, "headers": headers}
            body = orjson.dumps(seen)
            self.send_response(503 if failing else 200)
            self.send_header("content-length", str(len(body)))
            self.send_header("x-from-destination", "yes")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def do_OPTIONS(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def route_configurations(mesh: Mesh, proxy: Proxy) -> tuple[dict[str, Config], set[str]]:
    """Route configurations by name, and the names of all clusters."""
    view, _ = scope(mesh, proxy)
    return outbound_routes(view).configs | gateway_routes(view).configs, set(clusters(view).configs)


class LiveRoutes:
    """A running Envoy with the route configurations of many proxies."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.arrivals = Arrivals()
        self.server = ThreadingHTTPServer((address, 0), _handler(self.arrivals))
        self.listeners: dict[tuple[str, str], dict[str, Any]] = {}
        self.ports: dict[tuple[str, str], int] = {}
        self.clusters: dict[str, Config] = {}

    def add(self, key: str, routes: dict[str, Config], clusters: set[str]) -> None:
        """Serve these route configurations under `key`."""
        for name, config in routes.items():
            self.listeners[key, name] = self._listener(config)
        for name in clusters:
            self.clusters[name] = {
                "name": name,
                "type": "STATIC",
                "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [self._destination()]}]},
            }

    def _destination(self) -> Config:
        host, port = self.server.server_address[:2]
        return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}

    def _listener(self, config: Config) -> Config:
        told = [
            {"header": {"key": "x-cluster", "value": "%UPSTREAM_CLUSTER_RAW%"}, "append_action": "ADD_IF_ABSENT"},
            {"header": {"key": "x-route", "value": "%ROUTE_NAME%"}, "append_action": "ADD_IF_ABSENT"},
        ]
        manager = {
            "@type": _HCM,
            "stat_prefix": "test",
            "http_protocol_options": {"accept_http_10": True},
            "upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
            "route_config": config | {"response_headers_to_add": told},
            "http_filters": [
                {"name": "envoy.filters.http.fault", "typed_config": {"@type": f"{_FILTERS}.fault.v3.HTTPFault"}},
                {"name": "envoy.filters.http.cors", "typed_config": {"@type": f"{_FILTERS}.cors.v3.Cors"}},
                {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"}},
            ],
        }
        filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
        return {"filter_chains": [{"filters": filters}]}

    def start(self) -> subprocess.Popen[bytes]:
        """Start the destination and Envoy, and wait until both listen."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        listeners = []
        for index, (key, listener) in enumerate(self.listeners.items()):
            self.ports[key] = self._free_port()
            address = {"socket_address": {"address": self.address, "port_value": self.ports[key]}}
            listeners.append({"name": f"l{index}", "address": address, "enable_reuse_port": False} | listener)
        config = {"static_resources": {"listeners": listeners, "clusters": list(self.clusters.values())}}
        path = self.folder / "envoy.json"
        path.write_bytes(orjson.dumps(config))
        log = (self.folder / "envoy.log").open("wb")
        command = [find_envoy(), "-c", path, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        envoy = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        self._wait(envoy)
        return envoy

    def _free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind((self.address, 0))
            return int(probe.getsockname()[1])

    def _wait(self, envoy: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        last = next(reversed(self.ports.values()))
        while envoy.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((self.address, last), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        envoy.kill()
        pytest.fail(f"Envoy did not start: {(self.folder / 'envoy.log').read_text()[-3000:]}")

    def call(self, key: str, listener: str, request: dict[str, Any], identity: str) -> Answer:
        """One request; `url` is what stands in the request line (absolute for a proxy listener)."""
        connection = http.client.HTTPConnection(self.address, self.ports[key, listener], timeout=10)
        try:
            connection.putrequest(request.get("method", "GET"), request.get("url", "/"), skip_host=True)
            for name, value in ({"host": request["host"], "x-call": identity} | request.get("headers", {})).items():
                connection.putheader(name, str(value))
            connection.endheaders()
            response = connection.getresponse()
            body = b"" if request.get("method") == "CONNECT" else response.read()  # a tunnel has no end
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        seen = orjson.loads(body) if "x-from-destination" in headers else {}
        return Answer(response.status, headers, seen, body.decode(errors="replace"))


def behaviour_files() -> list[Path]:
    """The behaviour tables, each a mesh with calls."""
    return sorted(BEHAVIOUR.glob("*.yaml"))


@pytest.fixture(scope="session")
def live(
    tmp_path_factory: pytest.TempPathFactory, worker_address: str, load_mesh: Callable[[str, str], Mesh]
) -> Iterator[LiveRoutes]:
    """An Envoy that routes as every proxy of every behaviour table would."""
    routes = LiveRoutes(tmp_path_factory.mktemp("live"), worker_address)
    for path in behaviour_files():
        table = yaml.safe_load(path.read_text())
        mesh = load_mesh(table["mesh"], path.name)
        for name, proxy in table["proxies"].items():
            routes.add(f"{path.stem}/{name}", *route_configurations(mesh, Proxy(name, **proxy)))
    envoy = routes.start()
    yield routes
    envoy.terminate()
    envoy.wait(10)
    routes.server.shutdown()
    routes.server.server_close()
