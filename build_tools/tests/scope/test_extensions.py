"""Which extensions a proxy loads, in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.scope import scope

Load = Callable[..., Mesh]

GATEWAYS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: a}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
"""
K8S_GATEWAY = "group: gateway.networking.k8s.io, kind: Gateway"
GATEWAY = "group: networking.istio.io, kind: Gateway"
SIDECAR = Proxy("p", labels={"app": "a"})
ROUTER = Proxy("p", kind="router", labels={"app": "a"})
API_ROUTER = Proxy("p", kind="router", labels={"app": "b", "gateway.networking.k8s.io/gateway-name": "edge"})


def extension(
    name: str, spec: str = "", namespace: str = "default", kind: str = "TrafficExtension", created: str = ""
) -> str:
    metadata = f"name: {name}, namespace: {namespace}" + (f", creationTimestamp: '{created}'" if created else "")
    code = "wasm: {url: 'lateen://tenant_context'}" if kind == "TrafficExtension" else "url: 'lateen://tenant_context'"
    fields = f"{spec}, {code}" if spec else code
    return (
        f"apiVersion: extensions.istio.io/v1alpha1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{fields}}}\n---\n"
    )


def loaded(mesh: Mesh, proxy: Proxy = SIDECAR) -> list[str]:
    return [e.ref.name for e in scope(mesh, proxy)[0].extensions]


@pytest.mark.parametrize(
    ("documents", "order"),
    [
        pytest.param(
            [extension(p.lower(), f"phase: {p}") for p in ("UNSPECIFIED", "STATS", "AUTHZ", "AUTHN")],
            ["authn", "authz", "stats", "unspecified"],
            id="phases",
        ),
        pytest.param(
            [extension("none"), *(extension(f"p{n}", f"priority: {n}") for n in (-5, 0, 10))],
            ["p10", "p0", "p-5", "none"],
            id="a higher priority is first, none is last",
        ),
        pytest.param(
            [extension("least", "priority: -2147483648"), extension("a")],
            ["a", "least"],
            id="none is the least integer",
        ),
        pytest.param(
            [extension("b"), extension("a"), extension("a-root", namespace="istio-system")],
            ["a", "b", "a-root"],
            id="own namespace before the root namespace, then by name",
        ),
        pytest.param(
            [extension("a", created="2026-01-02T00:00:00Z"), extension("b", created="2026-01-01T00:00:00Z")],
            ["b", "a"],
            id="the older first",
        ),
        pytest.param(
            [extension("a", kind="WasmPlugin"), extension("a-b")],
            ["a-b", "a"],
            id="a WasmPlugin by its translated name",
        ),
        pytest.param(
            [extension("high", "priority: 1", namespace="istio-system"), extension("low")],
            ["high", "low"],
            id="priority before namespace",
        ),
        pytest.param(
            [extension("far", namespace="far"), extension("b", "selector: {matchLabels: {app: b}}"), extension("a")],
            ["a"],
            id="of other namespaces and other workloads none",
        ),
    ],
)
def test_order(mesh_of: Load, documents: list[str], order: list[str]) -> None:
    assert loaded(mesh_of("".join(documents))) == order
    assert loaded(mesh_of("".join(reversed(documents)))) == order


@pytest.mark.parametrize(
    ("targets", "namespace", "proxies"),
    [
        (f"targetRefs: [{{{GATEWAY}, name: edge}}]", "default", {"router"}),
        (f"targetRefs: [{{{GATEWAY}, name: other}}]", "default", set()),
        (f"targetRefs: [{{{GATEWAY}, name: edge}}]", "istio-system", set()),
        (f"targetRefs: [{{{K8S_GATEWAY}, name: edge}}]", "default", {"gateway API"}),
        (f"targetRefs: [{{{K8S_GATEWAY}, name: other}}, {{{K8S_GATEWAY}, name: edge}}]", "default", {"gateway API"}),
        (f"targetRefs: [{{{K8S_GATEWAY}, name: edge}}]", "istio-system", set()),
        ("targetRefs: [{kind: Service, name: edge}]", "default", set()),
        ("targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: edge}]", "istio-system", set()),
        ("targetRefs: []", "default", {"sidecar", "router", "gateway API"}),
        ("selector: {matchLabels: {app: a}}", "istio-system", {"sidecar", "router"}),
    ],
)
def test_targets(mesh_of: Load, targets: str, namespace: str, proxies: set[str]) -> None:
    mesh = mesh_of(GATEWAYS + extension("e", targets, namespace))
    asked = {"sidecar": SIDECAR, "router": ROUTER, "gateway API": API_ROUTER}
    assert {name for name, proxy in asked.items() if loaded(mesh, proxy)} == proxies


def test_the_one_target_of_a_wasm_plugin_counts_as_its_list(mesh_of: Load) -> None:
    mesh = mesh_of(GATEWAYS + extension("e", f"targetRef: {{{K8S_GATEWAY}, name: edge}}", kind="WasmPlugin"))
    assert (loaded(mesh, API_ROUTER), loaded(mesh)) == (["e"], [])
