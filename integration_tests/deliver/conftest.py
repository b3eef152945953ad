"""A real Envoy on delta ADS, a server that can be killed, and traffic that notices every failed request."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from lateen.identity import Authority
from lateen.identity.files import write
from lateen.schema.binary import find_envoy

from .resources import Snapshot, mesh

SERVE = Path(__file__).parent / "serve_snapshot.py"
ADMIN = "http://127.26.0.1:15000"


class Server:
    """The ADS server as a process of its own, so that it can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.events = folder, []
        self._seen = threading.Condition()

    events: list[dict[str, Any]]

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, SERVE, self.folder], stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Kill -9: nothing is said to Envoy, the socket file stays."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def offer(self, snapshot: dict[str, Any]) -> None:
        """Replace the snapshot; a running server takes notice."""
        write(self.folder / "snapshot.json", json.dumps(snapshot).encode())

    def edit(self, snapshot: dict[str, Any]) -> None:
        """Replace the snapshot and wait until it is in force."""
        mark = len(self.events)
        self.offer(snapshot)
        self.wait("acked", since=mark)

    def wait(self, event: str, *, since: int = 0, timeout: float = 10.0, **fields: object) -> dict[str, Any]:
        """The first such event after position `since`."""
        deadline = time.monotonic() + timeout
        wanted = {"event": event, **fields}.items()
        with self._seen:
            while True:
                for found in self.events[since:]:
                    if wanted <= found.items():
                        return found
                left = deadline - time.monotonic()
                if left <= 0 or not self._seen.wait(left):
                    raise AssertionError(f"no {dict(wanted)} in {self.events[since:]}")

    def sent(self, since: int = 0) -> list[tuple[str, str]]:
        """Type and name of each resource that was sent."""
        return [(e["type"], e["name"]) for e in self.events[since:] if e["event"] == "sent"]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            with self._seen:
                self.events.append(json.loads(line))
                self._seen.notify_all()


class Envoy:
    """An Envoy that takes everything from the server's socket."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "envoy.json"
        self._path.write_text(json.dumps(bootstrap(folder / "xds.sock")))
        self._log = (folder / "envoy.log").open("ab")
        self.start()

    def start(self) -> None:
        arguments = [find_envoy(), "--config-path", self._path, "--concurrency", "1", "--disable-hot-restart"]
        self.process = subprocess.Popen([*arguments, "--log-level", "warning"], stderr=self._log)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{ADMIN}/ready", timeout=1).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"Envoy is not ready; see {self._log.name}")

    def counters(self) -> dict[str, int]:
        found = requests.get(f"{ADMIN}/stats?format=json&type=Counters", timeout=5).json()["stats"]
        return {entry["name"]: entry["value"] for entry in found if "value" in entry}


def bootstrap(socket: Path) -> dict[str, Any]:
    service = {
        "envoy_grpc": {
            "cluster_name": "xds-grpc",
            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
        }
    }
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    keepalive = {"interval": "0.5s", "timeout": "5s"}
    http2 = {"explicit_http_config": {"http2_protocol_options": {"connection_keepalive": keepalive}}}
    options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": address("127.26.0.1", 15000)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [service],
            },
            "lds_config": source,
            "cds_config": source,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds-grpc",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": options, **http2}
                    },
                    "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [{"lb_endpoints": [endpoint]}]},
                }
            ]
        },
    }


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


class Traffic:
    """Requests at a steady pace on a background thread; `failed` are those that did not answer 200."""

    def __init__(self, host: str, port: int) -> None:
        self.answers: list[str] = []
        self.failed: list[str] = []
        self._address = host, port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            try:
                connection = http.client.HTTPConnection(*self._address, timeout=5)
                connection.request("GET", "/")
                answer = connection.getresponse()
                text = answer.read().decode()
                connection.close()
            except OSError as error:
                self.failed.append(repr(error))
                continue
            self.answers.append(text)
            if answer.status != 200:
                self.failed.append(f"{answer.status} {text}")


@pytest.fixture(scope="session")
def backends() -> Iterator[None]:
    """Two servers that answer with their own address: 127.26.1.1 and 127.26.1.2, port 8080."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            text = str(self.server.server_address[0]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    servers = [ThreadingHTTPServer((f"127.26.1.{n}", 8080), Answer) for n in (1, 2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    for server in servers:
        server.shutdown()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is not started; its folder has an authority."""
    Authority.create("cluster.local").save(tmp_path / "ca")
    made = Server(tmp_path)
    yield made
    if hasattr(made, "process"):
        made.stop()


@pytest.fixture
def envoy(backends: None, server: Server) -> Iterator[Envoy]:
    """An Envoy that looks for the server."""
    made = Envoy(server.folder)
    yield made
    made.stop()


@pytest.fixture
def traffic() -> Callable[[str, int], Traffic]:
    """`with traffic(host, port) as seen:` sends requests for as long as the block lasts."""
    return Traffic


@pytest.fixture
def running(server: Server, envoy: Envoy) -> Snapshot:
    """The mesh in force."""
    made = mesh()
    server.offer(made)
    server.start()
    server.wait("acked", generation=1)
    envoy.wait_ready()
    return made
