"""A service whose requests have operations: metrics, access logs and quotas of a running mesh know them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import Run, client, eventually, in_force
from lateen.runtime.supervisor import Running
from meshes import deployment, documents, save, service, tenants, write

OPENAPI = """
openapi: 3.0.3
paths:
  /orders/{id}:
    get: {operationId: getOrder}
    delete: {operationId: cancelOrder}
"""
TELEMETRY = {
    "apiVersion": "telemetry.istio.io/v1",
    "kind": "Telemetry",
    "metadata": {"name": "operations"},
    "spec": {
        "selector": {"matchLabels": {"app": "orders"}},
        "metrics": [
            {
                "providers": [{"name": "prometheus"}],
                "overrides": [
                    {
                        "match": {"metric": "REQUEST_COUNT", "mode": "SERVER"},
                        "tagOverrides": {
                            "request_operation": {"value": "filter_state['wasm.operation_classifier.operation']"}
                        },
                    }
                ],
            }
        ],
    },
}
QUOTA = {
    "limits": [
        {
            "name": "tenant-operation",
            "key": ["tenant", "operation"],
            "requests": 100,
            "window": "1h",
            "overrides": [{"values": ["acme", "cancelOrder"], "requests": 1}],
        },
        {
            "name": "peer-operation",
            "key": ["peer", "operation"],
            "requests": 100,
            "window": "1h",
            "overrides": [{"values": ["spiffe://cluster.local/ns/default/sa/web", "getOrder"], "requests": 3}],
        },
    ]
}


def extension(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """A filter of the suite in the sidecar of `orders`, on its server's side."""
    return {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": {"name": name.replace("_", "-")},
        "spec": {
            "selector": {"matchLabels": {"app": "orders"}},
            "match": [{"mode": "SERVER"}],
            **({} if name == "quota" else {"phase": "AUTHN"}),
            "wasm": {"url": f"lateen://{name}", "pluginConfig": config},
        },
    }


@pytest.fixture
def mesh(directory: Path) -> Path:
    """`web` calls `orders`."""
    (directory / "apis").mkdir(parents=True)
    (directory / "apis" / "orders.yaml").write_text(OPENAPI)
    return write(
        directory,
        workloads=documents(deployment("web"), deployment("orders"), service("orders")),
        filters=documents(
            tenants("orders", "nobody"),
            extension("operation_classifier", {"openapi": {"file": "apis/orders.yaml"}}),
            extension("quota", QUOTA),
        ),
        telemetry=documents(TELEMETRY),
    )


def counted(running: Running) -> dict[tuple[str, str], int]:
    """Requests at `orders` by operation and status."""
    (proxy,) = (proxy for proxy in running.view.proxies if proxy.owner == "orders")
    lines = re.findall(
        r"^istio_requests_total\{(.*)\} (\d+)$", requests.get(proxy.metrics, timeout=5).text, re.MULTILINE
    )
    labels = [(dict(re.findall(r'(\w+)="([^"]*)"', text)), int(value)) for text, value in lines]
    return {(found["request_operation"], found["response_code"]): value for found, value in labels}


def test_metrics_and_quotas_know_operations(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as session:

        def ask(method: str, path: str, tenant: str = "acme") -> int:
            headers = {"x-api-tenant": tenant}
            return session.request(method, f"http://orders:8080{path}", headers=headers, timeout=10).status_code

        assert [ask("GET", f"/orders/{number}") for number in range(4)] == [200, 200, 200, 429]
        assert [ask("DELETE", "/orders/1"), ask("DELETE", "/orders/2")] == [200, 429]
        assert ask("DELETE", "/orders/3", "globex") == 200
        assert ask("GET", "/") == 200
        eventually(
            lambda: (
                counted(running)
                == {
                    ("getOrder", "200"): 3,
                    ("getOrder", "429"): 1,
                    ("cancelOrder", "200"): 2,
                    ("cancelOrder", "429"): 1,
                    ("unknown", "200"): 1,
                }
            )
        )


def test_an_edit_of_the_document_is_taken(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as session:
        in_force(running, lambda: save(mesh / "apis" / "orders.yaml", OPENAPI.replace("getOrder", "readOrder")))
        eventually(
            lambda: (
                session.get("http://orders:8080/orders/1", timeout=10).ok and ("readOrder", "200") in counted(running)
            )
        )
