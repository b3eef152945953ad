"""Codes of TrafficTests and of the calls that they make."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NARROW_SHARE = Code(
    "LAT0750",
    Severity.WARNING,
    "a share is too narrow for its number of calls",
    "{times} calls are too few to say that {workload} answers between {low:g} and {high:g} of them",
    "Chance alone leaves the band now and then, so the test fails although the mesh is right.",
    example="times: 20\nexpect: {share: {catalog-v2: [0.05, 0.15]}}",
    fix="times: 600\nexpect: {share: {catalog-v2: [0.05, 0.15]}}",
)

UNKNOWN_SOURCE = Code(
    "LAT0751",
    Severity.ERROR,
    "a call comes from nowhere",
    "no running workload is named {source!r}",
    "The call cannot be made, so the expectation is not checked.",
    example="from: wbe",
    fix="from: web",
)

NO_ROUTER = Code(
    "LAT0752",
    Severity.ERROR,
    "no single gateway serves the call",
    "{count} gateways serve {url!r}",
    "A call from outside enters at the one router that has a Gateway server for its host and port.",
    example="from: outside\nurl: http://nobody.example:8080/",
    fix="from: outside\nvia: ingressgateway.istio-ingress\nurl: http://nobody.example:8080/",
)

NO_ENDPOINT = Code(
    "LAT0753",
    Severity.ERROR,
    "a plaintext call has no endpoint",
    "no running endpoint serves {host!r} port {port}",
    "A workload without sidecar calls an endpoint itself, and the mesh has none for this host and port.",
    example="from: legacy\nurl: http://reviews:9999/",
    fix="from: legacy\nurl: http://reviews:9080/",
)
