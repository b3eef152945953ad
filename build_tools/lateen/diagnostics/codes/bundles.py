"""LAT082x: configuration for Envoys that are not lateen's own."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

BAD_REDIRECTION = Code(
    code="LAT0820",
    severity=Severity.ERROR,
    title="An annotation of traffic redirection is not valid",
    message="{annotation} has {value}, which is no {expected}",
    why="The annotation says which connections go through the sidecar. Istio's injection webhook rejects the pod; "
    "without the entry, traffic would pass the sidecar that is meant to go through it, or the other way round.",
    example='traffic.sidecar.istio.io/excludeOutboundPorts: "5432;6379"',
    fix="Separate ports and ranges by commas, and give each range its prefix length: "
    '`traffic.sidecar.istio.io/excludeOutboundPorts: "5432,6379"`.',
)
