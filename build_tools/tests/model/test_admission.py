"""What Istio's webhook rejects is an error at the line that causes it; what it accepts is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from lateen.diagnostics import Diagnostic, Severity
from lateen.model.mesh import Mesh

from .rejected import REJECTED, TO_A, vs

Load = Callable[..., Mesh]

GROUPS = {
    "PeerAuthentication": "security.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
}


def document(kind: str, spec: str) -> str:
    body = {
        "apiVersion": GROUPS.get(kind, "networking.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": yaml.safe_load(spec),
    }
    return yaml.safe_dump(body, sort_keys=False)


def model_findings(mesh: Mesh) -> list[Diagnostic]:
    return [d for d in mesh.diagnostics if d.code.startswith("LAT02")]


@pytest.mark.parametrize(("kind", "spec", "code", "path"), REJECTED)
def test_what_the_webhook_rejects_is_an_error(mesh_of: Load, kind: str, spec: str, code: str, path: str) -> None:
    errors = [d for d in mesh_of(document(kind, spec)).diagnostics if d.severity is Severity.ERROR]
    assert [(d.code, d.origin.field_path) for d in errors] == [(code, path)]
    assert errors[0].origin.line > 0


ACCEPTED = [
    ("VirtualService", vs("{route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 2}]}")),
    ("VirtualService", vs(f"{{match: [{{withoutHeaders: {{x: {{regex: '*'}}}}}}], {TO_A}}}")),
    ("VirtualService", vs(f"{{match: [{{headers: {{x: {{}}}}}}], {TO_A}}}")),
    ("VirtualService", vs(f"{{{TO_A}, retries: {{attempts: 0}}}}")),
    ("VirtualService", vs("{match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}}")),
    ("VirtualService", vs("{directResponse: {status: 503, body: {string: down}}}")),
    ("VirtualService", "{http: [{" + TO_A + "}]}"),
    ("VirtualService", "{hosts: ['*'], gateways: [g], http: [{" + TO_A + "}]}"),
    ("DestinationRule", "{host: '*.example', trafficPolicy: {tls: {mode: SIMPLE, credentialName: c, caCrl: d}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {loadBalancer: {simple: LEAST_CONN}}}"),
    ("Gateway", "{servers: [{port: {number: 1, name: t, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}]}"),
    (
        "Gateway",
        "{servers: [{port: {number: 1, name: h, protocol: HTTP}, hosts: ['./a.b'], tls: {httpsRedirect: true}}]}",
    ),
    ("ServiceEntry", "{hosts: [a.b], addresses: [10.0.0.0/8], ports: [{number: 1, name: tcp, protocol: TCP}]}"),
    ("ServiceEntry", "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 'unix:///run/a'}]}"),
    ("Sidecar", "{egress: [{hosts: ['./*', '~/*', 'ns/*.a.b']}]}"),
    ("AuthorizationPolicy", "{}"),
    ("AuthorizationPolicy", "{rules: [{}]}"),
    ("AuthorizationPolicy", "{rules: [{to: [{operation: {paths: ['/a/{*}/b/{**}', '/x*', '*']}}]}]}"),
    ("AuthorizationPolicy", "{rules: [{when: [{key: 'experimental.envoy.filters.a[b]', values: ['*']}]}]}"),
    ("WasmPlugin", "{url: 'lateen://tenant_context'}"),
    ("TrafficExtension", "{wasm: {url: 'lateen://tenant_context'}}"),
]


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED)
def test_what_the_webhook_accepts_has_no_finding(mesh_of: Load, kind: str, spec: str) -> None:
    assert mesh_of(document(kind, spec)).diagnostics == ()


def test_a_long_direct_response_is_refused(mesh_of: Load) -> None:
    text = document("VirtualService", vs("{directResponse: {status: 200, body: {string: BODY}}}"))
    assert mesh_of(text.replace("BODY", "x" * 1024 * 1024)).diagnostics == ()
    assert [d.code for d in mesh_of(text.replace("BODY", "x" * (1024 * 1024 + 1))).diagnostics] == ["LAT0219"]


def test_a_kind_that_is_not_compiled_is_named(mesh_of: Load) -> None:
    mesh = mesh_of(document("EnvoyFilter", "{}"))
    assert [(d.code, d.severity, d.message) for d in mesh.diagnostics] == [
        ("LAT0201", Severity.WARNING, "EnvoyFilter default/a is not compiled yet, so it has no effect")
    ]


def test_a_field_that_is_not_compiled_is_named_where_it_stands(mesh_of: Load) -> None:
    mesh = mesh_of(document("Telemetry", "{tracing: [{providers: [{name: zipkin}]}]}"))
    assert [(d.code, d.origin.line, d.origin.field_path) for d in mesh.diagnostics] == [("LAT0202", 6, "spec.tracing")]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("AuthorizationPolicy", "{rules: [{}]"),
        ("Telemetry", "{accessLogging: [{disabled: true}]"),
    ],
)
def test_what_is_for_a_gateway_of_the_gateway_api_guards_no_workload(mesh_of: Load, kind: str, spec: str) -> None:
    target = "{group: gateway.networking.k8s.io, kind: Gateway, name: g}"
    mesh = mesh_of(document(kind, f"{spec}, targetRefs: [{target}]}}"))
    assert (mesh.authorization_policies, mesh.telemetries) == ((), ())
    assert [d.code for d in mesh.diagnostics] == ["LAT0202"]


def test_cipher_suites_that_envoy_would_refuse_are_left_out_with_a_finding(mesh_of: Load) -> None:
    suites = "[ECDHE-RSA-AES128-GCM-SHA256, BOGUS, ECDHE-RSA-AES128-GCM-SHA256]"
    mesh = mesh_of(
        f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: g}}
spec:
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [shop.example]
    tls: {{mode: SIMPLE, credentialName: shop, cipherSuites: {suites}}}
"""
    )
    tls = mesh.gateways[0].servers[0].tls
    assert tls is not None
    assert tls.cipher_suites == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert [(d.code, d.origin.line, d.severity.name) for d in mesh.diagnostics] == [("LAT0224", 9, "WARNING")] * 2
