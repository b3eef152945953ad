"""Envoys with configuration of their own, patched by `lateen patch`: what filters do, what Prometheus sees."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from harness import Traffic, eventually
from lateen.cli import main
from lateen.runtime.envoy import envoy_options
from lateen.schema.binary import find_envoy
from two_hosts import own_network

RECIPE = Path(__file__).parent.parent / "envoy_configs" / "recipes" / "existing-edge"
FILTER = ("--filter", "tenant_context=tenants.yaml")
TELEMETRY = ("--telemetry", "istio", "--workload", "edge", "--namespace", "shop", "--label", "app=edge")

LISTENERS = """
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: web
  address: {socket_address: {address: 127.31.0.5, port_value: 8080}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: web
        rds:
          route_config_name: web
          config_source: {resource_api_version: V3, path_config_source: {path: FOLDER/rds.yaml}}
        http_filters:
        - name: router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"""
ROUTES = """
resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: web
  virtual_hosts: [{name: shop, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: shop}}]}]
"""
CLUSTERS = """
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: shop
  load_assignment:
    cluster_name: shop
    endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9001}}}}]}]
"""
BOOTSTRAP = """
node: {id: edge-1, cluster: edge}
admin: {address: {socket_address: {address: 127.31.0.5, port_value: 9901}}}
dynamic_resources:
  lds_config: {resource_api_version: V3, path_config_source: {path: FOLDER/lds.yaml}}
  cds_config: {resource_api_version: V3, path_config_source: {path: FOLDER/cds.yaml}}
"""
FILES = {"bootstrap.yaml": BOOTSTRAP, "lds.yaml": LISTENERS, "cds.yaml": CLUSTERS, "rds.yaml": ROUTES}


class Shop:
    """The application, in a folder with an Envoy's configuration for a network of this test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.host = folder, port, f"{own_network()}5"
        self.requests: list[Message] = []

    def put(self, name: str, text: str) -> None:
        text = text.replace("127.31.0.5", self.host).replace("9001", str(self.port))
        (self.folder / name).write_text(text.replace("FOLDER", str(self.folder)))

    def patch(self, *arguments: str) -> int:
        """`lateen patch` as on the Envoy's machine; its Prometheus listener is of this test's network."""
        return main(["patch", *arguments, "--prometheus", f"{self.host}:15090"])

    def get(self, port: int = 8080, **headers: str) -> requests.Response:
        with self.session() as session:
            return session.get(
                f"http://{self.host}:{port}/", headers={"Host": "acme.shop.example", **headers}, timeout=5
            )

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def answers(self) -> bool:
        try:
            return self.get().status_code == 200
        except requests.RequestException:
            return False

    def scrape(self) -> str:
        with self.session() as session:
            return session.get(f"http://{self.host}:15090/stats/prometheus", timeout=5).text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all series that have these labels."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        series = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", self.scrape(), re.MULTILINE)
        return sum(float(value) for given, value in series if wanted <= set(given.split(",")))

    @contextmanager
    def envoy(self, bootstrap: str) -> Iterator[Path]:
        """An Envoy that answers; gives its log."""
        log = self.folder / "envoy.log"
        command = [find_envoy(), *envoy_options(5), "-c", bootstrap]
        with log.open("wb") as file, subprocess.Popen(command, cwd=self.folder, stdout=file, stderr=file) as process:
            try:
                eventually(lambda: process.poll() is not None or self.answers(), 20)
                assert process.poll() is None, log.read_text()
                self.requests.clear()
                yield log
            finally:
                process.terminate()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.requests.append(self.headers)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Shop(tmp_path, server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for path in RECIPE.glob("*.yaml"):
        found.put(path.name, path.read_text())
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def connections(log: Path) -> list[dict[str, str]]:
    """What the recipe's own logger says of TCP connections."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if "connection" in line]


def test_a_patched_bootstrap_runs_the_filter_and_counts_as_istio_does(shop: Shop) -> None:
    assert shop.patch("envoy.yaml", *FILTER, *TELEMETRY, "--out", "patched/envoy.yaml", "--at", "patched") == 0
    with shop.envoy("patched/envoy.yaml") as log:
        before = shop.metric("istio_requests_total")
        assert shop.get(**{"x-tenant": "globex"}).status_code == 200
        assert [headers.get_all("x-tenant") for headers in shop.requests] == [["acme"]]
        eventually(lambda: '"tenant":"acme"' in log.read_text())
        own = {"reporter": "source", "source_workload": "edge", "source_workload_namespace": "shop"}
        counted = own | {"source_app": "edge", "response_code": "200", "request_protocol": "http"}
        assert shop.metric("istio_requests_total", **counted) == before + 1
        assert "envoy_wasmcustom" not in shop.scrape()
        eventually(lambda: shop.metric("istio_request_duration_milliseconds_count", **counted) == before + 1)

        assert shop.get(8443).status_code == 200
        eventually(lambda: shop.metric("istio_tcp_connections_closed_total", **own) == 1)
        assert shop.metric("istio_tcp_connections_opened_total", **own) == 1
        assert shop.metric("istio_tcp_sent_bytes_total", **own) > 0
        eventually(lambda: connections(log))
        assert connections(log) == [{"connection": "-"}]


def test_a_cluster_that_names_its_service_is_counted_as_that_service(shop: Shop) -> None:
    named = "metadata: {filter_metadata: {istio: {services: [{host: shop.local, name: shop, namespace: retail}]}}}"
    shop.put("envoy.yaml", RECIPE.joinpath("envoy.yaml").read_text().replace("connect_timeout: 1s", named))
    assert shop.patch("envoy.yaml", *TELEMETRY, "--modules", "inline", "--out", "patched.yaml") == 0
    with shop.envoy("patched.yaml"):
        assert shop.get().status_code == 200
        service = {"destination_service": "shop.local", "destination_service_name": "shop"}
        assert shop.metric("istio_requests_total", **service, destination_service_namespace="retail") >= 1


def test_a_filter_comes_to_a_running_envoy_by_its_files_without_a_failed_request(shop: Shop) -> None:
    for name, text in FILES.items():
        shop.put(name, text)
    with (
        shop.envoy("bootstrap.yaml"),
        Traffic(shop.session, f"http://{shop.host}:8080/", rate=50.0) as traffic,
    ):
        assert shop.get().status_code == 200
        assert "acme" not in [headers.get("x-tenant") for headers in shop.requests]
        assert shop.patch(*FILES, *FILTER, "--out", ".") == 0
        eventually(lambda: shop.get().ok and "acme" in [headers.get("x-tenant") for headers in shop.requests])
        since = traffic.requests
        eventually(lambda: traffic.requests > since + 20)
        assert shop.patch(*FILES, *FILTER, "--check") == 0
    assert traffic.failures == []


def test_files_of_file_xds_are_patched_together(shop: Shop) -> None:
    for name, text in FILES.items():
        shop.put(name, text)
    assert shop.patch(*FILES, *FILTER, *TELEMETRY, "--out", ".", "--at", ".") == 0
    with shop.envoy("bootstrap.yaml"):
        before = shop.metric("istio_requests_total")
        assert shop.get().status_code == 200
        assert shop.requests[0]["x-tenant"] == "acme"
        assert shop.metric("istio_requests_total", source_workload="edge") == before + 1
