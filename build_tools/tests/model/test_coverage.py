"""Every field of the input schema is either compiled or says that it is not."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.api.kinds import kinds
from lateen.api.resource import Resource
from lateen.api.shape import Shape
from lateen.model.build import BUILDERS, build
from lateen.source.document import Document

NETWORKING, SECURITY = "networking.istio.io", "security.istio.io"
GENERATED_BY_GATEWAY_API = {"targetRef", "targetRefs"}

POLICY = "trafficPolicy"
POLICY_FIELDS = {
    "connectionPool.http.http2KeepAlive",
    "loadBalancer.backendUtilization",
    "loadBalancer.consistentHash.httpCookie.attributes",
    "loadBalancer.zoneAwareLbSetting",
    "outlierDetection.consecutiveErrors",
    "outlierDetection.outlierDetectionHttpErrorCodes",
}
PREFIXES = (POLICY, f"{POLICY}.portLevelSettings[]", f"subsets[].{POLICY}", f"subsets[].{POLICY}.portLevelSettings[]")
SERVER_TLS = {"caCertCredentialName", "caCrl", "ecdhCurves", "insecureSkipVerify", "tlsCertificates"}
SERVER_TLS |= {"verifyCertificateHash", "verifyCertificateSpki"}

NOT_COMPILED: dict[tuple[str, str], set[str]] = {
    (NETWORKING, "VirtualService"): {
        "http[].fault.abort.http2Error",
        "http[].fault.delay.exponentialDelay",
        "tcp[].match[].sourceSubnet",
    },
    (NETWORKING, "DestinationRule"): {f"{prefix}.{field}" for prefix in PREFIXES for field in POLICY_FIELDS}
    | {f"{prefix}.retryBudget.budgetInterval" for prefix in (POLICY, f"subsets[].{POLICY}")},
    (NETWORKING, "Gateway"): {f"servers[].tls.{field}" for field in SERVER_TLS}
    | {"servers[].defaultEndpoint", "servers[].port.targetPort"},
    (NETWORKING, "ServiceEntry"): set(),
    (NETWORKING, "WorkloadEntry"): set(),
    (NETWORKING, "Sidecar"): {
        "egress[].port.targetPort",
        "inboundConnectionPool",
        "ingress[].connectionPool.http.http2KeepAlive",
        "ingress[].port.targetPort",
        "ingress[].tls",
        "outboundTrafficPolicy.egressProxy",
    },
    (SECURITY, "PeerAuthentication"): set(),
    (SECURITY, "AuthorizationPolicy"): GENERATED_BY_GATEWAY_API,
    ("telemetry.istio.io", "Telemetry"): GENERATED_BY_GATEWAY_API
    | {
        "metrics[].overrides[].match.customMetric",
        "metrics[].reportingInterval",
        "tracing",
    },
    ("extensions.istio.io", "TrafficExtension"): set(),
    ("extensions.istio.io", "WasmPlugin"): set(),
}

SPECIAL: dict[str, Any] = {"resolution": "STATIC", "type": "HTTP", "valueFrom": "INLINE", "timeout": "1s"}


def example(shape: Shape, name: str = "") -> Any:
    """A value with every field given."""
    if name in SPECIAL and not shape.fields:
        return SPECIAL[name]
    if shape.fields:
        return {key: example(inner, key) for key, inner in shape.fields.items()}
    if shape.values:
        return {"8080": example(shape.values)}
    if shape.items:
        return [example(shape.items)]
    if shape.enum:
        return shape.enum[-1]
    return {"integer": 1, "number": 1.0, "boolean": True, "string": "a", "object": {}}.get(shape.type, "a")


@pytest.mark.parametrize(("group", "name"), NOT_COMPILED, ids=lambda part: part)
def test_a_field_is_compiled_or_reported(group: str, name: str) -> None:
    found = [kind for key, kind in kinds().items() if (key[0], key[2]) == (group, name)]
    body = {"metadata": {"name": "a"}, "spec": example(found[-1].shape.at("spec"))}
    resource = Resource(group, "v1", name, "a", "default", Document(body, "a.yaml"), body)
    _, findings = build((resource,), {})
    reported = {d.message.split(" ", 1)[0].replace("[0]", "[]") for d in findings if d.code == "LAT0202"}
    assert {path.removeprefix("spec.") for path in reported} == NOT_COMPILED[group, name]


def test_every_istio_kind_that_is_built_is_covered() -> None:
    assert {key for key in BUILDERS if key[0].endswith("istio.io")} == NOT_COMPILED.keys()
