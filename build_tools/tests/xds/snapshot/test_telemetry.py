"""Istio's metrics from a real Envoy: every label, for calls with and without a peer, a destination, mutual TLS."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

import lateen
from lateen.schema.binary import find_envoy
from lateen.source.document import Source

from .metric_names import LABELS

"""Istio's labels in Istio's order."""

# A network of its own for each test process: .1 is the sidecar's inbound side, .2 the application, .3 outbound,
# .4 a peer.
NETWORK = f"127.24.{int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) + 10}"

MESH = f"""
apiVersion: v1
kind: Pod
metadata: {{name: server, labels: {{app: server, version: v7}}}}
spec: {{containers: [{{name: app}}]}}
status: {{podIP: {NETWORK}.1}}
---
apiVersion: v1
kind: Service
metadata: {{name: server}}
spec: {{selector: {{app: server}}, ports: [{{name: http, port: 8080}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: peer, labels: {{app: peer, version: v2, sidecar.istio.io/inject: "false"}}}}
spec: {{containers: [{{name: app}}]}}
status: {{podIP: {NETWORK}.4}}
---
apiVersion: v1
kind: Service
metadata: {{name: peer}}
spec: {{selector: {{app: peer}}, ports: [{{name: http, port: 8080}}]}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: mesh, namespace: istio-system}}
spec: {{metrics: [{{providers: [{{name: prometheus}}]}}]}}
"""
METADATA = {
    "INTERCEPTION_MODE": "NONE",
    "LATEEN_BIND_ADDRESS": f"{NETWORK}.1",
    "LATEEN_APP_ADDRESS": f"{NETWORK}.2",
    "LATEEN_OUTBOUND_ADDRESS": f"{NETWORK}.3",
}


class Application(BaseHTTPRequestHandler):
    """Answers everything; a gRPC call with a status."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.headers.get("content-type", "").startswith("application/grpc"):
            self.send_header("content-type", "application/grpc")
            self.send_header("grpc-status", "7")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@dataclass(frozen=True)
class Running:
    """An Envoy that serves, and its own certificate."""

    certificates: Path

    def counted(self, call: Callable[[], object]) -> dict[str, str]:
        """The labels of the one series of istio_requests_total that a call moves."""
        before = self._series()
        call()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            moved = [key for key, value in self._series().items() if value > before.get(key, 0)]
            if moved:
                assert len(moved) == 1, moved
                return dict(moved[0])
            time.sleep(0.02)
        pytest.fail("nothing was counted")

    def _series(self) -> dict[tuple[tuple[str, str], ...], float]:
        text = requests.get(f"http://{NETWORK}.1:15090/stats/prometheus", timeout=5).text
        families = (f for f in text_string_to_metric_families(text) if f.name == "istio_requests")
        return {tuple(sample.labels.items()): sample.value for family in families for sample in family.samples}


@pytest.fixture(scope="module")
def running(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    servers = [ThreadingHTTPServer((f"{NETWORK}.{host}", 8080), Application) for host in (2, 4)]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    mesh = lateen.load(Source(MESH, "in.yaml"))
    (proxy,) = mesh.proxies()
    snapshot = lateen.compile(mesh, replace(proxy, metadata={**METADATA, "LATEEN_CERT_DIR": str(certificates)}))
    folder = tmp_path_factory.mktemp("telemetry")
    (folder / "envoy.json").write_bytes(orjson.dumps(snapshot.static(modules="inline")))
    with (folder / "log").open("wb") as log:
        command = [find_envoy(), "-c", folder / "envoy.json", "--disable-hot-restart", "--concurrency", "1"]
        envoy = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while envoy.poll() is None and not _listens(f"{NETWORK}.1", 8080):
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.02)
        assert envoy.poll() is None, (folder / "log").read_text()[-2000:]
        yield Running(certificates)
    finally:
        envoy.terminate()
        envoy.wait(10)
        for server in servers:
            server.shutdown()
            server.server_close()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def outbound(url: str, **headers: str) -> Callable[[], object]:
    proxies = {"http": f"http://{NETWORK}.3:15002"}
    return lambda: requests.get(url, headers=headers, proxies=proxies, timeout=5)


SELF = {
    "workload": "server",
    "workload_namespace": "default",
    "app": "server",
    "version": "v7",
    "canonical_service": "server",
    "canonical_revision": "v7",
    "cluster": "Kubernetes",
}
NOBODY = {
    "workload": "unknown",
    "workload_namespace": "unknown",
    "app": "unknown",
    "version": "unknown",
    "canonical_service": "unknown",
    "canonical_revision": "latest",
    "cluster": "unknown",
}


def side(name: str, known: dict[str, str], principal: str = "unknown") -> dict[str, str]:
    return {f"{name}_{key}": value for key, value in known.items()} | {f"{name}_principal": principal}


def answer(code: str = "200", flags: str = "-", security: str = "unknown") -> dict[str, str]:
    return {
        "request_protocol": "http",
        "response_code": code,
        "grpc_response_status": "",
        "response_flags": flags,
        "connection_security_policy": security,
    }


OWN_SERVICE = {
    "destination_service": "server.default.svc.cluster.local",
    "destination_service_name": "server",
    "destination_service_namespace": "default",
}


def test_a_plaintext_client_is_unknown(running: Running) -> None:
    labels = running.counted(lambda: requests.get(f"http://{NETWORK}.1:8080/", timeout=5))
    assert labels == {
        "reporter": "destination",
        **side("source", NOBODY),
        **side("destination", SELF),
        **OWN_SERVICE,
        **answer(security="none"),
    }
    assert list(labels) == LABELS


def test_a_client_with_a_certificate_has_its_principal_and_its_namespace(running: Running) -> None:
    context = ssl.create_default_context(cafile=running.certificates / "root-cert.pem")
    context.load_cert_chain(running.certificates / "cert-chain.pem", running.certificates / "key.pem")
    context.check_hostname = False
    context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])

    def call() -> None:
        connection = HTTPConnection(f"{NETWORK}.1", 8080, timeout=5)
        connection.sock = context.wrap_socket(socket.create_connection((f"{NETWORK}.1", 8080)))
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()

    labels = running.counted(call)
    web = "spiffe://cluster.local/ns/default/sa/web"
    assert labels["source_principal"] == labels["destination_principal"] == web
    assert labels["source_workload_namespace"] == "default"
    assert labels["source_workload"] == "unknown"
    assert labels["connection_security_policy"] == "mutual_tls"


def test_a_destination_without_sidecar_is_known_by_its_endpoint(running: Running) -> None:
    """An endpoint says less than a sidecar: nothing of app and version, as in Istio."""
    peer = {"workload": "peer", "canonical_service": "peer", "canonical_revision": "v2"}
    assert running.counted(outbound("http://peer:8080/")) == {
        "reporter": "source",
        **side("source", SELF),
        **side("destination", SELF | peer | {"app": "unknown", "version": "unknown"}),
        "destination_service": "peer.default.svc.cluster.local",
        "destination_service_name": "peer",
        "destination_service_namespace": "default",
        **answer(),
    }


def test_a_destination_that_nobody_knows_is_named_after_the_route_that_took_it(running: Running) -> None:
    labels = running.counted(outbound("http://elsewhere.example:8080/"))
    assert labels["destination_service"] == "elsewhere.example:8080"
    assert labels["destination_service_name"] == "PassthroughCluster"
    assert labels["destination_workload"] == "unknown"
    assert labels["destination_canonical_revision"] == "latest"
    assert labels["response_code"] == "503"
    assert labels["response_flags"] != "-"


def test_a_grpc_call_shows_its_status(running: Running) -> None:
    labels = running.counted(outbound("http://peer:8080/", **{"content-type": "application/grpc"}))
    assert labels["request_protocol"] == "grpc"
    assert labels["grpc_response_status"] == "7"


def test_grpc_web_is_http(running: Running) -> None:
    labels = running.counted(outbound("http://peer:8080/", **{"content-type": "application/grpc-web+proto"}))
    assert labels["request_protocol"] == "http"
    assert labels["grpc_response_status"] == ""
