"""LAT067x: what filters cost, by `lateen filters bench`."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NO_LOAD_TOOL = Code(
    "LAT0670",
    Severity.ERROR,
    "No h2load to send requests with",
    "h2load is not installed",
    "It sends requests at a fixed rate and says how long each took; nothing can be measured without it.",
    example="lateen filters bench tenant_context, on a machine without nghttp2's tools",
    fix="apt-get install nghttp2-client",
)
BAD_PLAN = Code(
    "LAT0671",
    Severity.ERROR,
    "bench.yaml breaks its schema",
    "{problem}",
    "It says with which configuration and request a filter is measured; the filter was not.",
    example="request: {headers: {x-tenant: 7}}",
    fix='request: {headers: {x-tenant: "7"}}',
)
NOT_MEASURED = Code(
    "LAT0672",
    Severity.ERROR,
    "Filter could not be measured",
    "{name}: {reason}",
    "Envoy did not start with the filter of bench.yaml, or did not answer each request with the status that it names.",
    example="config: {mode: enforce}   # of a filter that denies the request of bench.yaml",
    fix="a request that the filter lets pass, or `status` with what it answers",
)
OVER_TIME = Code(
    "LAT0673",
    Severity.ERROR,
    "Filter takes more CPU than its budget",
    "{name} takes {taken:.1f} us of CPU per request above an empty one, {budget:g} are its budget",
    "Every request of every proxy pays it; that it grows is decided, not drifted into.",
    example="budget: {microseconds: 3}   # of a filter that now reads bodies",
    fix="do without what was added, or raise budget.microseconds in filter.yaml",
)
NO_PLAN = Code(
    "LAT0674",
    Severity.WARNING,
    "Nothing says how a filter is measured, or what it may cost",
    "{name} {lacks}",
    "Without bench.yaml nobody knows a request that the filter lets pass; without a budget nobody knows when its cost "
    "is too high.",
    example="a filter that needs a configuration, without bench.yaml; a filter.yaml without budget.microseconds",
    fix="add bench.yaml with `config` and `request`; then, in filter.yaml, a budget.microseconds somewhat over what "
    "lateen filters bench NAME prints as `above empty` on a quiet machine",
)
