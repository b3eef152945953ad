"""The example, running: what its expectations say, and what a real Prometheus makes of it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from harness import client, eventually, lacking
from lateen.runtime.observe.endpoint import metrics_endpoint
from lateen.runtime.supervisor import Running
from lateen.runtime.traffic import run_once

EDGES = {
    ("ingressgateway", "web"),
    ("web", "catalog-v1"),
    ("web", "catalog-v2"),
    ("web", "reviews-v1"),
    ("web", "egressgateway"),
    ("reviews-v1", "ratings-v1"),
}
GATEWAYS = {"ingressgateway", "egressgateway"}
"""As in Istio, a gateway reports as source only."""


def test_every_expectation_holds(storefront: Running) -> None:
    report = run_once(storefront.view, storefront.mesh, storefront.tests)
    assert [f"{r.test}: {r.name}: {'; '.join(r.failures)}" for r in report.results if not r.held] == []


def test_prometheus_knows_source_and_destination_of_each_http_edge(storefront: Running, tmp_path: Path) -> None:
    run_once(storefront.view, storefront.mesh, storefront.tests)
    with metrics_endpoint(storefront.view.proxies) as url, prometheus(url, tmp_path) as server:
        for reporter in ("source", "destination"):
            query = (
                "sum by (source_workload, destination_workload, source_principal, destination_principal)"
                f' (istio_requests_total{{reporter="{reporter}"}})'
            )
            wanted = {e for e in EDGES if reporter == "source" or e[1] not in GATEWAYS}
            eventually(lambda q=query, w=wanted: {edge(r) for r in ask(server, q)} >= w, seconds=30)
        for test in storefront.tests:
            for check in test.metrics:
                labels = ",".join(f'{k}="{v}"' for k, v in check.labels.items())
                query = f"sum({check.name}{{{labels}}})"
                eventually(lambda q=query, least=check.above: value(server, q) > least, seconds=30)


def test_metrics_have_istios_names_and_nothing_of_the_peer_is_lost(storefront: Running) -> None:
    reviews = next(p for p in storefront.view.proxies if p.owner == "reviews-v1")
    run_once(storefront.view, storefront.mesh, storefront.tests)
    lines = requests.get(reviews.metrics, timeout=5).text.splitlines()
    assert not [line for line in lines if line.startswith("envoy_istio_") or "wasmcustom" in line]
    denied = [
        line
        for line in lines
        if line.startswith("istio_requests_total{")
        and 'reporter="destination"' in line
        and 'source_workload="catalog-v1"' in line
    ]
    assert denied
    for expected in (
        'source_principal="spiffe://cluster.local/ns/shop/sa/catalog"',
        'source_workload_namespace="shop"',
        'source_canonical_service="catalog"',
        'source_version="v1"',
        'destination_service="reviews.shop.svc.cluster.local"',
        'destination_service_name="reviews"',
        'connection_security_policy="mutual_tls"',
        'response_code="403"',
    ):
        assert expected in denied[0]


def test_a_request_that_envoy_refuses_before_any_filter_has_labels(storefront: Running) -> None:
    web = next(p for p in storefront.view.proxies if p.owner == "web")
    with client(storefront, "web") as session:
        answer = session.get("http://reviews.shop:8080/", headers=dict.fromkeys(("x-too", "x-long"), "x" * 40_000))
    assert answer.status_code == 431

    def refused() -> list[str]:
        lines = requests.get(web.metrics, timeout=5).text.splitlines()
        return [line for line in lines if line.startswith("istio_requests_total{") and 'response_code="431"' in line]

    eventually(refused)
    for expected in (
        'source_workload="web"',
        'destination_workload="unknown"',
        'destination_workload_namespace="unknown"',
        'destination_canonical_revision="latest"',
    ):
        assert expected in refused()[0]


def edge(result: dict[str, dict[str, str]]) -> tuple[str, str]:
    """The source and destination of a query's result."""
    metric = result["metric"]
    return metric.get("source_workload", ""), metric.get("destination_workload", "")


def ask(server: str, query: str) -> list[dict]:  # type: ignore[type-arg]
    """What Prometheus answers to an instant query."""
    answer = requests.get(f"{server}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def value(server: str, query: str) -> float:
    """The one value of a query's result, 0 where there is none yet: Envoy flushes histograms every 5 s."""
    result = ask(server, query)
    return float(result[0]["value"][1]) if result else 0.0


@contextmanager
def prometheus(metrics: str, folder: Path) -> Iterator[str]:
    """A Prometheus that finds the proxies of a mesh by http_sd and scrapes them every second."""
    binary = shutil.which("prometheus")
    if binary is None:
        lacking("prometheus is not installed (Debian: apt-get install prometheus)")
    config = folder / "prometheus.yml"
    job = {"job_name": "lateen", "scrape_interval": "1s", "http_sd_configs": [{"url": f"{metrics}/targets"}]}
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([binary, *arguments], stdout=log, stderr=log)
    try:
        eventually(lambda: ready(address), seconds=20)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def ready(address: str) -> bool:
    """Whether Prometheus answers."""
    try:
        return requests.get(f"http://{address}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False
