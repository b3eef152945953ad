"""LAT06xx: filters of the suite, their modules and their scenarios."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

UNKNOWN_FILTER = Code(
    "LAT0601",
    Severity.ERROR,
    "No such filter",
    "no filter is named {name!r}",
    "The command works on the filters of the suite only.",
    example="lateen filters test tenant-context",
    fix="lateen filters test tenant_context",
)
BAD_DESCRIPTION = Code(
    "LAT0602",
    Severity.ERROR,
    "Filter description breaks its schema",
    "{problem}",
    "Compiler and workbench know a filter by its filter.yaml only; a broken one hides the whole suite.",
    example="name: tenants   # in the folder tenant_context",
    fix="name: tenant_context",
)
BAD_SCENARIO = Code(
    "LAT0603",
    Severity.ERROR,
    "Scenario breaks its schema",
    "{problem}",
    "The scenario is not run, so what it should prove is not proven.",
    example="expect: {headers: {x-tenant: acme}}",
    fix="expect: {request_headers: {x-tenant: acme}}",
)
BAD_CONFIGURATION = Code(
    "LAT0604",
    Severity.ERROR,
    "Scenario configures the filter wrongly",
    "{problem}",
    "The filter's own schema in its filter.yaml refuses this configuration, so no proxy would ever get it.",
    example="config: {header: x-tenant}",
    fix="config: {header: x-tenant, sources: [{path: {prefix: /t/}}]}",
)
FAILED_EXPECTATION = Code(
    "LAT0605",
    Severity.ERROR,
    "Expectation of a scenario does not hold",
    "{scenario}: {problem}",
    "On a real Envoy the filter did something else than the scenario says.",
    example="expect: {request_headers: {x-tenant: globex}}   # for the host acme.shop.example",
    fix="mend the filter, or the expectation",
)
NOT_BUILT = Code(
    "LAT0606",
    Severity.ERROR,
    "Filter without a built module",
    "the module of {name} has not been built",
    "There is nothing to run; a mesh with this filter cannot be compiled.",
    example="a filter of kind wasm without NAME.wasm in its folder",
    fix="lateen filters build NAME",
)
NOT_STARTED = Code(
    "LAT0607",
    Severity.ERROR,
    "Envoy does not start with the filter",
    "Envoy does not start with {name}: {reason}",
    "None of the filter's scenarios were run.",
    example="Lua that does not parse; a module that refuses its configuration",
    fix="mend what the reason names",
)
NOT_RUN = Code(
    "LAT0608",
    Severity.INFO,
    "Scenario was not run",
    "{scenario}: not run, {reason}",
    "A scenario runs on the hosts that it lists; one that needs a clock or faults of the host cannot run on Envoy.",
    example="hosts: [inprocess]",
    fix="hosts: [inprocess, envoy], if a real Envoy can run it",
)
NO_SCENARIOS = Code(
    "LAT0609",
    Severity.ERROR,
    "Filter without scenarios",
    "{name} has no scenarios",
    "Nothing says what the filter should do, so nothing can be tested.",
    example="a filter's folder without scenarios/*.yaml",
    fix="add scenarios/NAME.yaml to the filter's folder",
)
