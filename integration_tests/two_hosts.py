"""The mesh of `envoy_configs/two-hosts` on Envoys that the test starts, as a user's unit files would."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep

import requests

from harness import eventually
from lateen.cli import main
from lateen.identity import Authority
from lateen.identity.files import write
from lateen.schema.binary import find_envoy

EXAMPLE = Path(__file__).parent.parent / "envoy_configs" / "two-hosts"
SECONDS = 0.02  # how long the application takes, so that every edit meets requests in flight

_runs = itertools.count()


def own_network() -> str:
    """A part of 127.0.0.0/8 that no other test of this machine uses at the same time, instead of the example's."""
    return f"127.{64 + os.getpid() % 64}.{next(_runs)}."


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class TwoHosts:
    """A copy of the mesh in `folder`, compiled to `folder/out`."""

    def __init__(self, folder: Path, form: str) -> None:
        self.network, self.port = own_network(), free_port()
        self.mesh, self.out, self.form = folder / "mesh", folder / "out", form
        for path in EXAMPLE.iterdir():
            text = path.read_text().replace("127.31.0.", self.network).replace(":9001", f":{self.port}")
            write(self.mesh / path.name, text.encode())
        self.authority = Authority.create("cluster.local")

    @property
    def url(self) -> str:
        return f"http://{self.network}1:8080/"

    def compile(self) -> int:
        """What `lateen compile` ends with."""
        out = str(self.out)
        return main(["compile", str(self.mesh), "--bundle", self.form, "--out", out, "--at", out])

    def edit(self, old: str, new: str) -> int:
        """Replace a text in the mesh that stands there once, and compile."""
        path = self.mesh / "traffic.yaml"
        text = path.read_text()
        assert text.count(old) == 1
        write(path, text.replace(old, new).encode())
        return self.compile()

    def append(self, text: str) -> None:
        """More of the mesh, for the next `edit` to compile."""
        path = self.mesh / "traffic.yaml"
        write(path, (path.read_text() + text).encode())

    def remove(self, text: str) -> None:
        """The opposite of `append`."""
        path = self.mesh / "traffic.yaml"
        write(path, path.read_text().removesuffix(text).encode())

    def certify(self, folder: Path, name: str) -> None:
        """New certificates of a host, as its own CA's agent would put them there."""
        certificate = self.authority.issue(f"spiffe://cluster.local/ns/shop/sa/{name}")
        write(folder / "cert-chain.pem", certificate.chain)
        write(folder / "key.pem", certificate.key.reveal(), 0o600)
        write(folder / "root-cert.pem", self.authority.root_pem)

    def session(self) -> requests.Session:
        """A client outside the mesh."""
        found = requests.Session()
        found.trust_env = False
        found.headers["Host"] = "shop.example"
        return found

    def release(self) -> str:
        """The header that the route sets, seen by a new connection."""
        with self.session() as session:
            return session.get(self.url, timeout=5).headers.get("x-release", "")

    def counters(self, host: int, pattern: str) -> dict[str, int]:
        """Counters and gauges of a host's Envoy (1: edge, 2: web) whose names match."""
        query = {"filter": pattern, "format": "json"}
        found = requests.get(f"http://{self.network}{host}:15000/stats", params=query, timeout=5).json()["stats"]
        return {each["name"]: each["value"] for each in found if "value" in each}

    @contextmanager
    def running(self, *arguments: tuple[str, ...]) -> Iterator[list[subprocess.Popen[bytes]]]:
        """The application and an Envoy for each list of arguments, until they answer."""
        with ExitStack() as stack:
            stack.enter_context(_application(self.port))
            envoys = [
                stack.enter_context(_envoy(each, self.mesh.parent / f"{n}.log")) for n, each in enumerate(arguments)
            ]
            eventually(lambda: _answers(self), 20)
            yield envoys


@contextmanager
def _envoy(arguments: tuple[str, ...], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [find_envoy(), *arguments, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def _application(port: int) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sleep(SECONDS)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _answers(hosts: TwoHosts) -> bool:
    try:
        with hosts.session() as session:
            return session.get(hosts.url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
