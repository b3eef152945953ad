"""The documents that the rules' cases are made of."""

from __future__ import annotations

GROUPS = {
    "Service": "v1",
    "Pod": "v1",
    "Secret": "v1",
    "AuthorizationPolicy": "security.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
}


def doc(kind: str, name: str, spec: str = "{}", namespace: str = "default", labels: str = "{}") -> str:
    meta = f"{{name: {name}, namespace: {namespace}, labels: {labels}}}"
    group = GROUPS.get(kind, "networking.istio.io/v1")
    return f"apiVersion: {group}\nkind: {kind}\nmetadata: {meta}\nspec: {spec}\n---\n"


def service(name: str, ports: str = "{port: 80, name: http}", selector: str = "") -> str:
    select = f"selector: {{{selector}}}, " if selector else ""
    return doc("Service", name, f"{{{select}ports: [{ports}]}}")


def pod(name: str, labels: str, account: str = "default", namespace: str = "default") -> str:
    spec = f"{{serviceAccountName: {account}, containers: [{{name: a, image: a}}]}}"
    return doc("Pod", name, spec, namespace, f"{{{labels}}}")


def route(to: str, more: str = "", name: str = "v", host: str = "h.x") -> str:
    return doc("VirtualService", name, f"{{hosts: [{host}]{more}, http: [{{route: [{{destination: {{{to}}}}}]}}]}}")


def gateway(name: str, servers: str) -> str:
    return doc("Gateway", name, f"{{selector: {{app: edge}}, servers: [{servers}]}}")


def server(number: int, protocol: str = "HTTP", host: str = "'*'", tls: str = "") -> str:
    port = f"{{number: {number}, name: p, protocol: {protocol}}}"
    return f"{{port: {port}, hosts: [{host}]{', tls: ' + tls if tls else ''}}}"


def policy(source: str, action: str = "") -> str:
    return doc("AuthorizationPolicy", "p", f"{{{action}rules: [{{from: [{{source: {{{source}}}}}]}}]}}")


def extension(url: str, config: str = "{}", *, more: str = "", targets: str = "") -> str:
    wasm = f"url: '{url}', pluginConfig: {config}" + (f", {more}" if more else "")
    return doc("TrafficExtension", "e", f"{{{f'targetRefs: [{targets}], ' if targets else ''}wasm: {{{wasm}}}}}")


def openapi(paths: str) -> str:
    return f"{{openapi: {{document: {{openapi: 3.1.0, paths: {{{paths}}}}}}}}}"


API_GATEWAY = "group: gateway.networking.k8s.io, kind: Gateway"
PULL_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {.dockerconfigjson: '{}'}\n---\n"
A, EDGE = service("a"), pod("edge", "app: edge")
TWO = service("a", "{port: 80, name: http}, {port: 81, name: http-b}")
SUBSETS = "subsets: [{name: v1, labels: {version: v1}}]"
RULE = doc("DestinationRule", "d", f"{{host: a, {SUBSETS}}}")
SELECTED = service("a", selector="app: a") + pod("a", "app: a, version: v1")
HTTPS = server(443, "HTTPS", "a.x", "{mode: SIMPLE, credentialName: c}")
DESTINATION = "spec.http[0].route[0].destination"
WEB = pod("web", "app: web", "web")
TENANTS = "{header: x-tenant, sources: [{host: {suffix: .x}}]}"
