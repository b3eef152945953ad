"""Each rule finds its fault at its place, and says nothing where there is none."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import lateen.analysis as package
from lateen.analysis import analyze
from lateen.analysis.rules import RULES
from lateen.diagnostics import Code, Severity
from lateen.diagnostics.codes import analyze as codes
from lateen.diagnostics.codes import extensions as extension_codes
from lateen.diagnostics.codes import operations
from lateen.model.mesh import Mesh

from .documents import (
    API_GATEWAY,
    DESTINATION,
    EDGE,
    HTTPS,
    PULL_SECRET,
    RULE,
    SELECTED,
    TENANTS,
    TWO,
    WEB,
    A,
    doc,
    extension,
    gateway,
    openapi,
    pod,
    policy,
    route,
    server,
    service,
)

Load = Callable[..., Mesh]
STOREFRONT = Path(__file__).resolve().parents[3] / "envoy_configs/storefront"


class Case(NamedTuple):
    """Input with the fault and the field at which it is found, and the same without."""

    code: Code
    faulty: str
    path: str
    clean: str


CASES = [
    Case(codes.UNKNOWN_HOST, route("host: b"), f"{DESTINATION}.host", A + route("host: a")),
    Case(
        codes.UNKNOWN_HOST,
        A + doc("VirtualService", "v", "{hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: b}}]}"),
        "spec.http[0].mirror.host",
        doc("ServiceEntry", "e", "{hosts: ['*.x'], ports: [{number: 80, name: http}]}") + route("host: b.x"),
    ),
    Case(
        codes.UNKNOWN_PORT,
        A + route("host: a, port: {number: 81}"),
        f"{DESTINATION}.port.number",
        A + route("host: a, port: {number: 80}"),
    ),
    Case(
        codes.PORT_REQUIRED,
        TWO + gateway("g", server(80)) + EDGE + route("host: a", ", gateways: [g]"),
        f"{DESTINATION}.host",
        TWO + route("host: a"),
    ),
    Case(
        codes.UNKNOWN_SUBSET,
        A + RULE + route("host: a, subset: v2"),
        f"{DESTINATION}.subset",
        A + RULE + route("host: a, subset: v1"),
    ),
    Case(
        codes.UNKNOWN_GATEWAY,
        A + route("host: a", ", gateways: [mesh, g]"),
        "spec.gateways[1]",
        A + EDGE + gateway("g", server(80)) + route("host: a", ", gateways: [g]"),
    ),
    Case(
        codes.UNKNOWN_GATEWAY,
        A
        + doc(
            "VirtualService", "v", "{hosts: [a], http: [{match: [{gateways: [g]}], route: [{destination: {host: a}}]}]}"
        ),
        "spec.http[0].match",
        A
        + doc(
            "VirtualService",
            "v",
            "{hosts: [a], http: [{match: [{gateways: [mesh]}], route: [{destination: {host: a}}]}]}",
        ),
    ),
    Case(
        codes.ROUTE_WITHOUT_SERVER,
        A + EDGE + gateway("g", server(80, host="other.x")) + route("host: a", ", gateways: [g]"),
        "spec.hosts[0]",
        A + EDGE + gateway("g", server(80, host="'*.x'")) + route("host: a", ", gateways: [g]"),
    ),
    Case(codes.GATEWAY_SELECTS_NOTHING, gateway("g", server(80)), "spec.selector", EDGE + gateway("g", server(80))),
    Case(
        codes.GATEWAY_CONFLICT,
        EDGE + gateway("g", server(80)) + gateway("h", server(80, "TCP")),
        "spec.servers[0]",
        EDGE + gateway("g", server(80)) + gateway("h", server(81, "TCP")),
    ),
    Case(
        codes.GATEWAY_PORT_NOT_SERVED,
        EDGE + service("a", selector="app: edge") + gateway("g", server(8080)),
        "spec.servers[0].port.number",
        EDGE + service("a", selector="app: edge") + gateway("g", server(80)),
    ),
    Case(
        codes.UNKNOWN_CREDENTIAL,
        EDGE + gateway("g", HTTPS),
        "spec.servers[0].tls.credentialName",
        EDGE + gateway("g", HTTPS) + "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n",
    ),
    Case(codes.RULE_WITHOUT_HOST, RULE, "spec.host", A + doc("DestinationRule", "d", "{host: a}")),
    Case(codes.UNUSED_SUBSET, A + RULE, "spec.subsets[0]", A + RULE + route("host: a, subset: v1")),
    Case(
        codes.EMPTY_SUBSET,
        SELECTED + RULE.replace("version: v1", "version: v3") + route("host: a, subset: v1"),
        "spec.subsets[0]",
        SELECTED + RULE + route("host: a, subset: v1"),
    ),
    Case(
        codes.SELECTS_NOTHING,
        WEB + doc("PeerAuthentication", "p", "{selector: {matchLabels: {app: a}}}"),
        "spec.selector",
        WEB + doc("PeerAuthentication", "p", "{selector: {matchLabels: {app: web}}}"),
    ),
    Case(
        codes.SELECTS_NOTHING,
        WEB + doc("Sidecar", "s", "{workloadSelector: {labels: {app: a}}}"),
        "spec.workloadSelector",
        WEB + doc("Sidecar", "s", "{workloadSelector: {labels: {app: web}}}"),
    ),
    Case(
        codes.UNKNOWN_PRINCIPAL,
        WEB + policy("principals: [cluster.local/ns/default/sa/wbe]"),
        "spec.rules[0].from[0].source.principals[0]",
        WEB
        + policy(
            "principals: [cluster.local/ns/default/sa/web, '*/sa/web', 'cluster.local/ns/*', '*', other/ns/a/sa/b]"
        ),
    ),
    Case(
        codes.UNKNOWN_PRINCIPAL,
        WEB + policy("serviceAccounts: [default/wbe]"),
        "spec.rules[0].from[0].source.serviceAccounts[0]",
        WEB + policy("serviceAccounts: [default/web, web]"),
    ),
    Case(
        codes.UNKNOWN_NAMESPACE,
        WEB + policy("namespaces: [defualt]"),
        "spec.rules[0].from[0].source.namespaces[0]",
        WEB + policy("namespaces: [default, 'def*', '*']"),
    ),
    Case(
        codes.WEIGHTS,
        A
        + doc(
            "VirtualService",
            "v",
            "{hosts: [a], http: [{route: [{destination: {host: a}, weight: 1}, {destination: {host: a}, weight: 2}]}]}",
        ),
        "spec.http[0].route",
        A
        + doc(
            "VirtualService",
            "v",
            "{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: a}, weight: 100}]}]}",
        ),
    ),
    Case(
        codes.HOST_CLAIMED_TWICE,
        A + route("host: a", name="v") + route("host: a", name="w"),
        "spec.hosts[0]",
        A + route("host: a", name="v", more=", exportTo: [a]") + route("host: a", name="w", more=", exportTo: [b]"),
    ),
    Case(
        codes.SHARED_TCP_PORT,
        service("a", "{port: 80, name: tcp}") + service("b", "{port: 80, name: tcp}"),
        "spec.ports[0]",
        service("a", "{port: 80, name: tcp}")
        + doc("Service", "b", "{clusterIP: 10.0.0.1, ports: [{port: 80, name: tcp}]}")
        + service("c", "{port: 80, name: http}")
        + service("d", "{port: 80, name: tls}")
        + doc("Service", "e", "{clusterIP: None, ports: [{port: 80, name: tcp}]}"),
    ),
    Case(codes.SERVICE_SELECTS_NOTHING, WEB + service("a", selector="app: a"), "spec.selector", SELECTED),
    Case(
        codes.UNKNOWN_PROVIDER,
        doc("Telemetry", "t", "{metrics: [{providers: [{name: prometheus}, {name: other}]}]}"),
        "spec.metrics[0].providers[1].name",
        doc(
            "Telemetry",
            "t",
            "{metrics: [{providers: [{name: prometheus}]}], accessLogging: [{providers: [{name: envoy}]}]}",
        ),
    ),
    Case(
        codes.UNKNOWN_PROVIDER,
        doc("AuthorizationPolicy", "p", "{action: CUSTOM, provider: {name: x}, rules: [{}]}"),
        "spec.provider.name",
        doc("AuthorizationPolicy", "p", "{rules: [{}]}"),
    ),
    Case(
        codes.IGNORED_RESOURCE,
        doc("PeerAuthentication", "p") + doc("PeerAuthentication", "q"),
        "metadata.name",
        doc("PeerAuthentication", "p") + doc("PeerAuthentication", "q", namespace="other"),
    ),
    Case(
        codes.UNREACHABLE_RULE,
        A
        + doc(
            "VirtualService",
            "v",
            "{hosts: [a], http: [{route: [{destination: {host: a}}]}, {directResponse: {status: 200}}]}",
        ),
        "spec.http[1]",
        A
        + doc(
            "VirtualService",
            "v",
            "{hosts: [a], http: [{match: [{port: 80}], redirect: {uri: /b}}, {directResponse: {status: 200}}]}",
        ),
    ),
    Case(
        codes.UNKNOWN_FILTER, extension("lateen://tenant_contxt"), "spec.wasm.url", extension("lateen://tenant_context")
    ),
    Case(
        codes.FILTER_CONFIG,
        extension("lateen://tenant_context", "{header: 7}"),
        "spec.wasm.pluginConfig.header",
        extension("lateen://tenant_context", TENANTS),
    ),
    Case(extension_codes.NOT_FETCHED, extension("oci://a.b/c:1"), "spec.wasm.url", extension("lateen://peer_metadata")),
    Case(
        extension_codes.TWO_DIGESTS,
        extension(f"a.b/c@sha256:{'0' * 64}", more=f"sha256: '{'1' * 64}'"),
        "spec.wasm.sha256",
        extension(f"a.b/c@sha256:{'0' * 64}", more=f"sha256: '{'0' * 64}'"),
    ),
    Case(
        extension_codes.UNKNOWN_TARGET,
        extension("lateen://peer_metadata", targets=f"{{{API_GATEWAY}, name: egde}}"),
        "spec.targetRefs[0].name",
        extension("lateen://peer_metadata", targets=f"{{{API_GATEWAY}, name: edge}}")
        + pod("edge", "gateway.networking.k8s.io/gateway-name: edge"),
    ),
    Case(
        extension_codes.WAYPOINT_TARGET,
        extension("lateen://peer_metadata", targets="{kind: Service, name: a}") + A,
        "spec.targetRefs[0].name",
        extension("lateen://peer_metadata") + A,
    ),
    Case(
        extension_codes.UNKNOWN_PULL_SECRET,
        extension("a.b/c:1", more="imagePullSecret: s") + PULL_SECRET.replace(".docker", "docker"),
        "spec.wasm.imagePullSecret",
        extension("a.b/c:1", more="imagePullSecret: s") + PULL_SECRET,
    ),
    Case(
        operations.FILE_UNREADABLE,
        extension("lateen://operation_classifier", "{openapi: {file: nothing.yaml}}"),
        "spec.wasm.pluginConfig.openapi.file",
        extension("lateen://operation_classifier", openapi("/a: {get: {}}")),
    ),
    Case(
        operations.BAD_OPENAPI,
        extension("lateen://operation_classifier", openapi("/a: {get: 1}")),
        "spec.wasm.pluginConfig.openapi.document.paths./a.get",
        extension("lateen://operation_classifier", openapi("/a: {get: {}}")),
    ),
    Case(
        operations.AMBIGUOUS_OPERATION,
        extension("lateen://operation_classifier", openapi("'/{a}': {get: {}}, '/{b}': {get: {}}")),
        "spec.wasm.pluginConfig.openapi.document.paths./{b}.get",
        extension("lateen://operation_classifier", openapi("'/{a}': {get: {}}, '/{b}': {put: {}}")),
    ),
    Case(
        operations.OPERATION_LIMIT,
        extension("lateen://operation_classifier", openapi(f"/a: {{get: {{operationId: {'x' * 201}}}}}")),
        "spec.wasm.pluginConfig.openapi.document.paths./a.get",
        extension("lateen://operation_classifier", openapi(f"/a: {{get: {{operationId: {'x' * 200}}}}}")),
    ),
    Case(
        operations.QUOTA_CONTRADICTION,
        extension("lateen://quota", "{limits: [{name: a, requests: 1, window: 49ms}]}"),
        "spec.wasm.pluginConfig.limits[0].window",
        extension("lateen://quota", "{limits: [{name: a, requests: 1, window: 50ms}]}"),
    ),
]
WITH_A_LOCK = {
    extension_codes.OTHER_DIGEST,
    extension_codes.NOT_CACHED,
    extension_codes.FILE_CHANGED,
    extension_codes.NOT_VERIFIED,
}
"""What depends on files beside the mesh: test_locked.py has their cases."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code.code} {case.path}")
def test_a_fault_is_found_at_its_place(mesh_of: Load, case: Case) -> None:
    mesh = mesh_of(case.faulty)
    assert mesh.diagnostics == ()
    found = [d for d in analyze(mesh) if d.code == case.code.code]
    assert case.path in [d.origin.field_path for d in found]
    assert all(d.origin.line > 0 for d in found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code.code} {case.path}")
def test_without_the_fault_there_is_no_finding(mesh_of: Load, case: Case) -> None:
    mesh = mesh_of(case.clean)
    assert mesh.diagnostics == ()
    assert [d for d in analyze(mesh) if d.code == case.code.code] == []


def test_every_rule_is_registered() -> None:
    modules = {m.name for m in pkgutil.iter_modules(package.__path__)} - {"lookup", "rules"}
    assert {rule.__name__.rpartition(".")[2] for rule in RULES} == modules  # type: ignore[attr-defined]


def test_every_code_belongs_to_one_rule_and_has_a_case() -> None:
    declared = [code.code for rule in RULES for code in rule.CODES]
    modules = (codes, extension_codes, operations)
    registered = [value.code for module in modules for value in vars(module).values() if isinstance(value, Code)]
    assert sorted(declared) == sorted(registered)
    assert {case.code.code for case in CASES} | {code.code for code in WITH_A_LOCK} == set(registered)


def test_a_rule_reports_only_what_it_declares(mesh_of: Load) -> None:
    for case in CASES:
        mesh = mesh_of(case.faulty)
        for rule in RULES:
            assert {d.code for d in rule.find(mesh)} <= {code.code for code in rule.CODES}


def test_findings_are_sorted_by_place_and_contain_those_of_loading(mesh_of: Load) -> None:
    text = route("host: b") + doc(
        "VirtualService", "w", "{hosts: [a, 'a b'], http: [{route: [{destination: {host: c}}]}]}"
    )
    found = analyze(mesh_of(text))
    assert [d.code for d in found] == ["LAT0301", "LAT0204", "LAT0301"]
    assert [d.origin for d in found] == sorted(d.origin for d in found)


def test_an_unknown_host_names_its_like(mesh_of: Load) -> None:
    far = doc("Service", "b", "{ports: [{port: 80}]}", "far")
    (finding,) = [d for d in analyze(mesh_of(far + route("host: b"))) if d.code == "LAT0301"]
    assert finding.hint == "did you mean b.far.svc.cluster.local?"


def test_without_any_workload_an_empty_service_is_for_information(mesh_of: Load) -> None:
    assert [d.severity for d in analyze(mesh_of(service("a", selector="app: a")))] == [Severity.INFO]


@pytest.fixture
def storefront(mesh_of: Load) -> Mesh:
    files = [path for path in sorted(STOREFRONT.glob("*.yaml")) if path.name != "mesh.yaml"]
    return mesh_of("\n---\n".join(p.read_text() for p in files), (STOREFRONT / "mesh.yaml").read_text())


def test_the_storefront_has_no_findings(storefront: Mesh) -> None:
    assert [str(d) for d in analyze(storefront)] == []
