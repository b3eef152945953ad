"""LAT06xx: the hosts that scenarios of filters run on, and the fuzzer."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NO_HOST = Code(
    "LAT0615",
    Severity.ERROR,
    "No host in this process for a kind of filter",
    "{kind} filters cannot run in this process: {missing} is not installed",
    "The engines that run filters without Envoy are an extra of the package.",
    example="lateen filters test --host inprocess, where only lateen itself is installed",
    fix="pip install 'lateen[filters]'",
)
HOSTS_DIFFER = Code(
    "LAT0616",
    Severity.ERROR,
    "Hosts do not agree",
    "{scenario}: {what}: {here} in this process, {there} on Envoy",
    "What holds in this process has to hold on Envoy; where it does not, the host of this process is at fault.",
    example="a response header that only one of the hosts lets through",
    fix="report it with the scenario; until then: hosts: [envoy]",
)
NOT_STARTED_HERE = Code(
    "LAT0617",
    Severity.ERROR,
    "Filter does not start in this process",
    "{scenario}: {name} does not start: {reason}",
    "The scenario was not run.",
    example="a module that refuses its configuration, Lua that does not parse",
    fix="mend what the reason names",
)
FUZZ_FAILED = Code(
    "LAT0618",
    Severity.ERROR,
    "Filter fails on a random input",
    "{name} fails on input {number} of seed {seed}: {problem}",
    "A client can send such a request; a module that traps answers it with 503 and loses its state.",
    example="a filter that indexes a header value without looking at its length",
    fix="mend the filter; lateen filters fuzz NAME --seed SEED --from NUMBER --inputs 1 repeats it",
)
FUZZ_WITHOUT_CONFIGURATION = Code(
    "LAT0619",
    Severity.ERROR,
    "Filter has no configuration to fuzz it with",
    "{name} has no scenario whose configuration it takes",
    "The fuzzer configures a filter as its scenarios do.",
    example="a filter whose scenarios all expect a refusal",
    fix="add a scenario that the filter takes",
)
