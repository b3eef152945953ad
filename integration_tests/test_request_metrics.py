"""Istio's metrics of requests between proxies that exchange no metadata: what each side knows all the same."""

from __future__ import annotations

import re
from pathlib import Path

import requests

from harness import Run, client, eventually
from lateen.runtime.supervisor import Running
from meshes import MESH_CONFIG, deployment, documents, service, write

WITHOUT_EXCHANGE = MESH_CONFIG + 'defaultConfig: {proxyMetadata: {LATEEN_METADATA_EXCHANGE: "false"}}\n'


def requests_at(running: Running, owner: str) -> dict[str, str]:
    """The labels of the requests that a proxy has counted, which are all alike; none if there are none."""
    proxy = next(proxy for proxy in running.view.proxies if proxy.owner == owner)
    found = re.search(r"^istio_requests_total\{(.*)\}", requests.get(proxy.metrics, timeout=5).text, re.MULTILINE)
    return dict(re.findall(r'(\w+)="([^"]*)"', found[1])) if found else {}


def end(side: str, workload: str, /, **differing: str) -> dict[str, str]:
    """The labels of one end."""
    names = ("workload", "app", "canonical_service")
    known = {**dict.fromkeys(names, workload), "version": "v1", "canonical_revision": "v1", "cluster": "Kubernetes"}
    known |= {"workload_namespace": "default", "principal": f"spiffe://cluster.local/ns/default/sa/{workload}"}
    return {f"{side}_{name}": value for name, value in (known | differing).items()}


def test_endpoints_and_certificates_name_a_peer_that_says_nothing(directory: Path, up: Run) -> None:
    mesh = write(
        directory,
        mesh=WITHOUT_EXCHANGE,
        workloads=documents(deployment("web"), deployment("orders"), service("orders")),
    )
    with up(mesh) as running, client(running, "web") as session:
        assert session.get("http://orders:8080/").status_code == 200
        eventually(lambda: requests_at(running, "web") and requests_at(running, "orders"))
        endpoint = end("destination", "orders", app="unknown", version="unknown")
        source = requests_at(running, "web")
        assert (end("source", "web") | endpoint | {"reporter": "source"}).items() <= source.items()
        unsaid = dict.fromkeys(("workload", "app", "version", "canonical_service", "cluster"), "unknown")
        certified = end("source", "web", **unsaid, canonical_revision="latest")
        destination = requests_at(running, "orders")
        assert (certified | end("destination", "orders") | {"reporter": "destination"}).items() <= destination.items()
