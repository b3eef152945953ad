"""LAT06xx: filters of the suite, their modules and their scenarios."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

UNKNOWN_FILTER = Code(
    "LAT0601",
    Severity.ERROR,
    "No such filter",
    "no filter is named {name!r}",
    "A filter of the suite goes by its name; `lateen filters` takes any other by its folder.",
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
    "The filter did something else than the scenario says.",
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
STALE_MODULE = Code(
    "LAT0610",
    Severity.ERROR,
    "Built module does not fit its source",
    "the module of {name} does not fit its source: {reason}",
    "What is deployed is not what the source says; nobody can tell what it does.",
    example="a change of filters/NAME/src without a rebuild",
    fix="lateen filters build NAME",
)
NO_TOOLCHAIN = Code(
    "LAT0611",
    Severity.ERROR,
    "No Rust toolchain for filters",
    "filters cannot be built here: {reason}",
    "The suite's modules come built; only who changes a filter needs Rust.",
    example="lateen filters build on a machine without cargo or without the target wasm32-unknown-unknown",
    fix="rustup target add wasm32-unknown-unknown",
)
BUILD_FAILED = Code(
    "LAT0612",
    Severity.ERROR,
    "Filter does not build",
    "cargo does not build the filters: {reason}",
    "The modules stay as they were.",
    example="source that does not compile",
    fix="mend what cargo names",
)
OVER_BUDGET = Code(
    "LAT0613",
    Severity.ERROR,
    "Module is larger than its budget",
    "the module of {name} has {size} bytes, {budget} are its budget",
    "Each worker of each proxy compiles and holds the module; growth is decided, not drifted into.",
    example="a dependency that brings much of the standard library along",
    fix="do without it, or raise budget.module_bytes in filter.yaml",
)
NOT_REPRODUCIBLE = Code(
    "LAT0614",
    Severity.ERROR,
    "Module cannot be built again",
    "the module of {name} has other bytes than the committed one, with the same source and toolchain",
    "Who rebuilds a module to see what it holds must get the same bytes.",
    example="a module that was built with changes that are not in the source",
    fix="commit the module that lateen filters build writes",
)
