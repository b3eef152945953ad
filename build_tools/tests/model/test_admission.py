"""What Istio's webhook rejects is an error at the line that causes it; what it accepts is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from lateen.diagnostics import Diagnostic, Severity
from lateen.model.mesh import Mesh

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


def vs(http: str) -> str:
    return f"{{hosts: [a], http: [{http}]}}"


TO_A = "route: [{destination: {host: a}}]"

REJECTED = [
    # VirtualService
    ("VirtualService", "{hosts: [a]}", "LAT0206", "spec"),
    ("VirtualService", vs("{match: [{uri: {prefix: /a}}]}"), "LAT0206", "spec.http[0]"),
    ("VirtualService", vs(f"{{{TO_A}, redirect: {{uri: /b}}}}"), "LAT0209", "spec.http[0].route"),
    ("VirtualService", vs("{redirect: {uri: /b}, rewrite: {uri: /c}}"), "LAT0209", "spec.http[0].rewrite"),
    ("VirtualService", vs("{redirect: {}}"), "LAT0206", "spec.http[0].redirect"),
    ("VirtualService", vs("{redirect: {uri: /b, redirectCode: 200}}"), "LAT0215", "spec.http[0].redirect.redirectCode"),
    ("VirtualService", vs("{redirect: {scheme: ftp}}"), "LAT0219", "spec.http[0].redirect.scheme"),
    (
        "VirtualService",
        vs("{match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}}"),
        "LAT0209",
        "spec.http[0].redirect.prefixRewrite",
    ),
    ("VirtualService", vs("{directResponse: {status: 99}}"), "LAT0215", "spec.http[0].directResponse.status"),
    ("VirtualService", vs(f"{{{TO_A}, timeout: 5 seconds}}"), "LAT0203", "spec.http[0].timeout"),
    ("VirtualService", vs(f"{{{TO_A}, timeout: -5s}}"), "LAT0203", "spec.http[0].timeout"),
    ("VirtualService", vs(f"{{{TO_A}, retries: {{perTryTimeout: 1s}}}}"), "LAT0209", "spec.http[0].retries"),
    ("VirtualService", vs(f"{{{TO_A}, retries: {{attempts: -1}}}}"), "LAT0219", "spec.http[0].retries.attempts"),
    ("VirtualService", vs(f"{{{TO_A}, rewrite: {{}}}}"), "LAT0206", "spec.http[0].rewrite"),
    (
        "VirtualService",
        vs(f"{{{TO_A}, rewrite: {{uriRegexRewrite: {{match: '(', rewrite: b}}}}}}"),
        "LAT0212",
        "spec.http[0].rewrite.uriRegexRewrite.match",
    ),
    ("VirtualService", vs(f"{{{TO_A}, fault: {{}}}}"), "LAT0206", "spec.http[0].fault"),
    ("VirtualService", vs(f"{{{TO_A}, fault: {{delay: {{}}}}}}"), "LAT0206", "spec.http[0].fault.delay"),
    ("VirtualService", vs(f"{{{TO_A}, fault: {{abort: {{}}}}}}"), "LAT0206", "spec.http[0].fault.abort"),
    (
        "VirtualService",
        vs(f"{{{TO_A}, fault: {{abort: {{httpStatus: 42}}}}}}"),
        "LAT0215",
        "spec.http[0].fault.abort.httpStatus",
    ),
    (
        "VirtualService",
        vs(f"{{{TO_A}, fault: {{delay: {{fixedDelay: 1s, percentage: {{value: 101}}}}}}}}"),
        "LAT0207",
        "spec.http[0].fault.delay.percentage.value",
    ),
    (
        "VirtualService",
        vs("{match: [{uri: {regex: '('}}], " + TO_A + "}"),
        "LAT0212",
        "spec.http[0].match[0].uri.regex",
    ),
    ("VirtualService", vs(f"{{match: [{{port: 70000}}], {TO_A}}}"), "LAT0205", "spec.http[0].match[0].port"),
    (
        "VirtualService",
        vs("{route: [{destination: {host: a}, weight: -1}, {destination: {host: b}, weight: 2}]}"),
        "LAT0208",
        "spec.http[0].route[0].weight",
    ),
    (
        "VirtualService",
        vs("{route: [{destination: {host: a}}, {destination: {host: b}}]}"),
        "LAT0208",
        "spec.http[0].route",
    ),
    (
        "VirtualService",
        vs("{route: [{destination: {host: a, port: {number: 0}}}]}"),
        "LAT0205",
        "spec.http[0].route[0].destination.port.number",
    ),
    (
        "VirtualService",
        vs("{route: [{destination: {host: 'a b'}}]}"),
        "LAT0204",
        "spec.http[0].route[0].destination.host",
    ),
    (
        "VirtualService",
        vs(f"{{{TO_A}, headers: {{request: {{remove: [Host]}}}}}}"),
        "LAT0213",
        "spec.http[0].headers.request.remove[0]",
    ),
    (
        "VirtualService",
        vs(f"{{{TO_A}, headers: {{request: {{set: {{'': b}}}}}}}}"),
        "LAT0213",
        "spec.http[0].headers.request.set",
    ),
    (
        "VirtualService",
        vs(f"{{{TO_A}, corsPolicy: {{allowMethods: [get]}}}}"),
        "LAT0219",
        "spec.http[0].corsPolicy.allowMethods[0]",
    ),
    ("VirtualService", f"{{hosts: ['a b'], http: [{{{TO_A}}}]}}", "LAT0204", "spec.hosts[0]"),
    ("VirtualService", f"{{hosts: ['*'], http: [{{{TO_A}}}]}}", "LAT0204", "spec.hosts[0]"),
    ("VirtualService", f"{{hosts: [a, a], http: [{{{TO_A}}}]}}", "LAT0210", "spec.hosts[1]"),
    ("VirtualService", f"{{gateways: [g], http: [{{{TO_A}}}]}}", "LAT0209", "spec.gateways"),
    ("VirtualService", vs("{delegate: {namespace: b}}"), "LAT0206", "spec.http[0].delegate"),
    (
        "VirtualService",
        vs("{match: [{uri: {regex: /a.*}}], delegate: {name: b}}"),
        "LAT0212",
        "spec.http[0].match[0]",
    ),
    (
        "VirtualService",
        "{hosts: [a.b], tls: [{match: [{sniHosts: [c.d]}], route: [{destination: {host: a}}]}]}",
        "LAT0204",
        "spec.tls[0].match[0].sniHosts[0]",
    ),
    (
        "VirtualService",
        "{hosts: [a.b], tcp: [{match: [{destinationSubnets: [x]}], route: [{destination: {host: a}}]}]}",
        "LAT0214",
        "spec.tcp[0].match[0].destinationSubnets[0]",
    ),
    # DestinationRule
    ("DestinationRule", "{host: a, subsets: [{name: V_1}]}", "LAT0211", "spec.subsets[0].name"),
    ("DestinationRule", "{host: a, subsets: [{name: v}, {name: v}]}", "LAT0210", "spec.subsets[1].name"),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {connectionPool: {}}}",
        "LAT0206",
        "spec.trafficPolicy.connectionPool",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {}}}}",
        "LAT0206",
        "spec.trafficPolicy.loadBalancer.consistentHash",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 10}}}}}",
        "LAT0219",
        "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 10}}]}}}}",
        "LAT0208",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}",
        "LAT0219",
        "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    ),
    ("DestinationRule", "{host: a, trafficPolicy: {tls: {mode: MUTUAL}}}", "LAT0216", "spec.trafficPolicy.tls"),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, credentialName: c}}}",
        "LAT0216",
        "spec.trafficPolicy.tls.credentialName",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]}}",
        "LAT0210",
        "spec.trafficPolicy.portLevelSettings[1].port",
    ),
    # Gateway
    ("Gateway", "{selector: {a: b}}", "LAT0206", "spec"),
    (
        "Gateway",
        "{servers: [{port: {number: 0, name: h, protocol: HTTP}, hosts: ['*']}]}",
        "LAT0205",
        "spec.servers[0].port.number",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 80, name: h, protocol: SMTP}, hosts: ['*']}]}",
        "LAT0205",
        "spec.servers[0].port.protocol",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['a/b/c']}]}",
        "LAT0204",
        "spec.servers[0].hosts[0]",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*'], bind: x}]}",
        "LAT0214",
        "spec.servers[0].bind",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 1, name: h, protocol: HTTPS}, hosts: ['*']}]}",
        "LAT0216",
        "spec.servers[0]",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 1, name: h, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE}}]}",
        "LAT0216",
        "spec.servers[0].tls",
    ),
    (
        "Gateway",
        "{servers: [{port: {number: 1, name: h, protocol: HTTP}, hosts: ['*']},"
        " {port: {number: 2, name: h, protocol: HTTP}, hosts: ['*']}]}",
        "LAT0210",
        "spec.servers[1].port.name",
    ),
    # ServiceEntry, WorkloadEntry, Sidecar
    ("ServiceEntry", "{hosts: ['*'], ports: [{number: 80, name: http, protocol: HTTP}]}", "LAT0204", "spec.hosts[0]"),
    ("ServiceEntry", "{hosts: [a.b], ports: [{number: 80, name: H}]}", "LAT0211", "spec.ports[0].name"),
    (
        "ServiceEntry",
        "{hosts: [a.b], ports: [{number: 80, name: h}, {number: 80, name: i}]}",
        "LAT0210",
        "spec.ports[1].number",
    ),
    ("ServiceEntry", "{hosts: [a.b], addresses: [10.0.0.300]}", "LAT0214", "spec.addresses[0]"),
    (
        "ServiceEntry",
        "{hosts: [a.b], resolution: STATIC, endpoints: [{address: c.d}]}",
        "LAT0214",
        "spec.endpoints[0].address",
    ),
    ("ServiceEntry", "{hosts: [a.b], endpoints: [{address: 1.1.1.1}]}", "LAT0209", "spec.endpoints"),
    ("ServiceEntry", "{hosts: ['*.b'], resolution: DNS}", "LAT0204", "spec.hosts"),
    (
        "ServiceEntry",
        "{hosts: [a.b], resolution: DNS_ROUND_ROBIN, endpoints: [{address: c.d}, {address: e.f}]}",
        "LAT0209",
        "spec.endpoints",
    ),
    ("WorkloadEntry", "{ports: {http: 1}}", "LAT0206", "spec"),
    ("Sidecar", "{egress: [{hosts: []}]}", "LAT0206", "spec.egress[0]"),
    ("Sidecar", "{egress: [{hosts: [a.b]}]}", "LAT0204", "spec.egress[0].hosts[0]"),
    (
        "Sidecar",
        "{ingress: [{port: {number: 80, name: h, protocol: HTTP}, defaultEndpoint: '10.0.0.1:1'}]}",
        "LAT0214",
        "spec.ingress[0].defaultEndpoint",
    ),
    ("Sidecar", "{egress: [{hosts: ['*/*']}, {hosts: ['./*']}]}", "LAT0210", "spec.egress[1]"),
    # security
    ("PeerAuthentication", "{portLevelMtls: {80: {mode: STRICT}}}", "LAT0209", "spec.portLevelMtls"),
    (
        "PeerAuthentication",
        "{selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: STRICT}}}",
        "LAT0205",
        "spec.portLevelMtls.http",
    ),
    ("AuthorizationPolicy", "{action: DENY}", "LAT0217", "spec.action"),
    ("AuthorizationPolicy", "{action: CUSTOM, rules: [{}]}", "LAT0217", "spec.action"),
    ("AuthorizationPolicy", "{provider: {name: p}, rules: [{}]}", "LAT0217", "spec.provider"),
    ("AuthorizationPolicy", "{rules: [{from: []}]}", "LAT0217", "spec.rules[0].from"),
    ("AuthorizationPolicy", "{rules: [{from: [{source: {}}]}]}", "LAT0217", "spec.rules[0].from[0].source"),
    (
        "AuthorizationPolicy",
        "{rules: [{to: [{operation: {methods: ['']}}]}]}",
        "LAT0217",
        "spec.rules[0].to[0].operation.methods[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{to: [{operation: {ports: ['http']}}]}]}",
        "LAT0205",
        "spec.rules[0].to[0].operation.ports[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{to: [{operation: {paths: ['/a/{x}']}}]}]}",
        "LAT0217",
        "spec.rules[0].to[0].operation.paths[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{to: [{operation: {paths: ['/{**}/{*}']}}]}]}",
        "LAT0217",
        "spec.rules[0].to[0].operation.paths[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{to: [{operation: {paths: ['/{*}/a*']}}]}]}",
        "LAT0217",
        "spec.rules[0].to[0].operation.paths[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{when: [{key: source.ip, values: [x]}]}]}",
        "LAT0214",
        "spec.rules[0].when[0].values[0]",
    ),
    (
        "AuthorizationPolicy",
        "{rules: [{when: [{key: request.colour, values: [x]}]}]}",
        "LAT0217",
        "spec.rules[0].when[0].key",
    ),
    ("AuthorizationPolicy", "{rules: [{when: [{key: source.ip}]}]}", "LAT0217", "spec.rules[0].when[0]"),
    # the rest
    (
        "Telemetry",
        "{metrics: [{overrides: [{tagOverrides: {a: {operation: UPSERT}}}]}]}",
        "LAT0206",
        "spec.metrics[0].overrides[0].tagOverrides.a",
    ),
    ("WasmPlugin", "{url: 'ftp://a/b'}", "LAT0218", "spec.url"),
    ("TrafficExtension", "{phase: AUTHN}", "LAT0206", "spec"),
    ("TrafficExtension", "{lua: {inlineCode: ' '}}", "LAT0206", "spec.lua"),
]


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
        ("WasmPlugin", "{url: 'lateen://tenant_context'"),
        ("TrafficExtension", "{wasm: {url: 'lateen://tenant_context'}"),
    ],
)
def test_what_is_for_a_gateway_of_the_gateway_api_guards_no_workload(mesh_of: Load, kind: str, spec: str) -> None:
    target = "{group: gateway.networking.k8s.io, kind: Gateway, name: g}"
    mesh = mesh_of(document(kind, f"{spec}, targetRefs: [{target}]}}"))
    assert (mesh.authorization_policies, mesh.telemetries, mesh.extensions) == ((), (), ())
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
