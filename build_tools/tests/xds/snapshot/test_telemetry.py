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
from lateen.xds.snapshot import Config, Snapshot

LABELS = [
    "reporter",
    "source_workload",
    "source_canonical_service",
    "source_canonical_revision",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_service",
    "destination_canonical_service",
    "destination_canonical_revision",
    "destination_service_name",
    "destination_service_namespace",
    "destination_cluster",
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
    "connection_security_policy",
]
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


def loggers(snapshot: Snapshot, kind: str) -> list[tuple[str, Config]]:
    """The stats loggers of all filters of that kind, each with its listener's direction."""
    return [
        (listener["traffic_direction"], log)
        for listener in snapshot.listeners.values()
        for chain in listener["filter_chains"]
        if chain["filters"][-1]["name"] == f"envoy.filters.network.{kind}"
        for log in chain["filters"][-1]["typed_config"].get("access_log", [])
        if log["name"] == "istio.stats"
    ]


def labels(stat: Config) -> dict[str, str]:
    return {tag["name"]: tag["value_format"] for tag in stat["stat"]["tags"]}


def test_labels_are_changed_as_telemetry_says(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(
        """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {source_app: {operation: REMOVE}, method: {value: request.method}}
    - {match: {metric: REQUEST_DURATION}, disabled: true}
"""
    )
    found = loggers(snapshot, "http_connection_manager")
    assert {direction for direction, _ in found} == {"INBOUND"}
    for config in (log["typed_config"] for _, log in found):
        (counter,) = config["counters"]
        assert "source_app" not in labels(counter)
        assert "request.method" in labels(counter)["method"]
        sizes = [h["stat"]["name"] for h in config["histograms"]]
        assert sizes == ["istio_request_bytes", "istio_response_bytes"]
        assert list(labels(config["histograms"][0])) == LABELS
        assert config["stats_scope"]["max_counters"] == 10_000


CONNECTIONS = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {clusterIP: 10.96.0.1, selector: {app: server}, ports: [{name: tcp, port: 7070}, {name: any, port: 7071}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {metrics: [{providers: [{name: prometheus}]}]}
"""


def test_every_tcp_proxy_counts_openings_and_ends(compiled: Callable[..., Snapshot]) -> None:
    """Also of what nobody declared, and of what must go nowhere."""
    snapshot = compiled(CONNECTIONS)
    chains = [
        (chain.get("name", ""), chain["filters"][-1]["typed_config"])
        for listener in snapshot.listeners.values()
        for chain in (*listener["filter_chains"], listener.get("default_filter_chain"))
        if chain and chain["filters"][-1]["name"] == "envoy.filters.network.tcp_proxy"
    ]
    assert {name for name, _ in chains} >= {
        "virtualInbound",
        "virtualInbound-blackhole",
        "virtualOutbound-blackhole",
        "virtualOutbound-catchall-tcp",
    }
    for _, proxy in chains:
        opened, ended = (log["typed_config"]["counters"] for log in proxy["access_log"])
        assert [c["stat"]["name"] for c in (*opened, *ended)] == [
            "istio_tcp_connections_opened_total",
            "istio_tcp_connections_closed_total",
            "istio_tcp_sent_bytes_total",
            "istio_tcp_received_bytes_total",
        ]
        wanted = [name for name in LABELS if name not in ("response_code", "grpc_response_status")]
        assert [list(labels(counter)) for counter in (*opened, *ended)] == [wanted] * 4
        assert proxy["access_log_options"] == {"flush_access_log_on_connected": True}


TCP_OVERRIDES = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: TCP_OPENED_CONNECTIONS, mode: CLIENT}
      disabled: true
    - match: {metric: TCP_SENT_BYTES, mode: SERVER}
      tagOverrides: {source_principal: {operation: REMOVE}, port: {value: destination.port}}
    - match: {metric: TCP_RECEIVED_BYTES}
      disabled: true
"""


def test_metrics_of_tcp_are_changed_one_by_one(compiled: Callable[..., Snapshot]) -> None:
    counted: dict[str, dict[str, Config]] = {"INBOUND": {}, "OUTBOUND": {}}
    snapshot = compiled(TCP_OVERRIDES)
    for direction, log in loggers(snapshot, "tcp_proxy"):
        counted[direction] |= {c["stat"]["name"].removeprefix("istio_tcp_"): c for c in log["typed_config"]["counters"]}
    assert counted["OUTBOUND"].keys() == {"connections_closed_total", "sent_bytes_total"}
    assert counted["INBOUND"].keys() == {"connections_opened_total", "connections_closed_total", "sent_bytes_total"}
    sent = labels(counted["INBOUND"]["sent_bytes_total"])
    assert "source_principal" not in sent
    assert "destination.port" in sent["port"]
    assert "port" not in labels(counted["INBOUND"]["connections_closed_total"])
    assert "source_principal" in labels(counted["OUTBOUND"]["sent_bytes_total"])


def test_where_no_metric_of_tcp_is_in_force_nothing_is_logged(compiled: Callable[..., Snapshot]) -> None:
    names = ("OPENED_CONNECTIONS", "CLOSED_CONNECTIONS", "SENT_BYTES", "RECEIVED_BYTES")
    off = "".join(f"\n    - {{match: {{metric: TCP_{name}}}, disabled: true}}" for name in names)
    snapshot = compiled(TCP_OVERRIDES.partition("    overrides:")[0] + "    overrides:" + off)
    assert loggers(snapshot, "tcp_proxy") == []
    assert "flush_access_log_on_connected" not in str(snapshot.listeners)


def test_without_the_provider_nothing_is_counted(compiled: Callable[..., Snapshot]) -> None:
    assert "istio.stats" not in str(compiled("").listeners)
