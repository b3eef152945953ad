"""A faulty scenario is a finding at its line, and the others are still read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.read import read_scenarios

MakeFilter = Callable[..., Filter]

GOOD = """\
name: good
hosts: [envoy]
config: {value: a}
request:
  headers: [[":method", GET], [":path", /]]
expect:
  request_headers: {x-a: null}
"""


def test_a_scenario_has_what_was_written_and_defaults(make_filter: MakeFilter) -> None:
    (scenario,), found = read_scenarios(make_filter("", GOOD))
    assert found == []
    assert (scenario.name, scenario.hosts, scenario.config, scenario.direction) == (
        "good",
        ("envoy",),
        {"value": "a"},
        "inbound",
    )
    (exchange,) = scenario.exchanges
    assert exchange.request.header(":method") == "GET"
    assert exchange.response.headers == ()
    assert scenario.origin("expect", "request_headers", "x-a").line == 7


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column", "problem"),
    [
        ("hosts: [envoy]\n", "", "LAT0603", 1, 1, '"hosts" is a required property'),
        ("[envoy]", "[nginx]", "LAT0603", 2, 9, "hosts[0]:"),
        ("request_headers:", "headers:", "LAT0603", 7, 3, "'headers' was unexpected"),
        ('[[":method", GET], ', '[[":method"], ', "LAT0603", 5, 13, "request.headers[0]:"),
        ("{x-a: null}", "{x-a: 1}", "LAT0603", 7, 26, "expect.request_headers.x-a:"),
        ("x-a: null}", 'x-a: null}\n  attributes: {"a)%": b}', "LAT0603", 8, 15, "expect.attributes:"),
        ('[":path", /]', "", "LAT0603", 5, 12, "the request has no :path"),
        ("/]]", '/], [":scheme", ftp]]', "LAT0603", 5, 12, "a request over HTTP/1.1 has no :scheme"),
        (
            "expect:",
            "response: {headers: [[x-a, {base64: '*'}]]}\nexpect:",
            "LAT0603",
            6,
            37,
            "response.headers[0][1].base64:",
        ),
        ("request:", "faults: {proxy_log: 1}\nrequest:", "LAT0603", 4, 9, "faults cannot be given to a real Envoy"),
        ("[envoy]", "[inprocess]\ntime: today", "LAT0603", 3, 7, "'today' is not a time"),
        ("[envoy]", "[inprocess]\ntime: 2026-01-01T00:00:00", "LAT0603", 3, 7, "time has no offset"),
        (
            "expect:",
            "callouts: [{cluster: upstream, response: {}}]\nexpect:",
            "LAT0603",
            6,
            12,
            "upstream is the cluster",
        ),
        (
            "expect:",
            "callouts: [{cluster: a, response: {}}, {cluster: a, grpc: {}}]\nexpect:",
            "LAT0603",
            6,
            40,
            "by gRPC in",
        ),
        ("expect:", "callouts: [{cluster: a}]\nexpect:", "LAT0603", 6, 12, "callouts[0]:"),
        ("request:", "shared: {a: b}\nrequest:", "LAT0603", 4, 9, "shared cannot be given to a real Envoy"),
        ("expect:", "steps: [{advance: 1s}]\nexpect:", "LAT0603", 1, 1, "exactly one of request, steps, refused"),
        ("{value: a}", "{value: 1}", "LAT0604", 3, 17, "config.value:"),
        ("{value: a}", "{valeu: a}", "LAT0604", 3, 10, "'valeu' was unexpected"),
        ("name: good", "name: 'good", "LAT0003", 1, 7, "quoted scalar"),
    ],
)
def test_a_fault_is_found_at_its_place(
    make_filter: MakeFilter, old: str, new: str, code: str, line: int, column: int, problem: str
) -> None:
    """LAT0603, LAT0604."""
    assert old in GOOD
    other = GOOD.replace("good", "other")
    scenarios, found = read_scenarios(make_filter("", GOOD.replace(old, new) + "---\n" + other))
    assert [scenario.name for scenario in scenarios] == ["other"]
    assert len(found) == 1
    (finding,) = found
    assert (finding.code, finding.origin.line, finding.origin.column) == (code, line, column)
    assert problem in finding.message
    assert finding.origin.file.endswith("probe/scenarios/all.yaml")


def test_two_scenarios_of_one_name_are_a_fault(make_filter: MakeFilter) -> None:
    scenarios, (finding,) = read_scenarios(make_filter("", f"{GOOD}---\n{GOOD}"))
    assert len(scenarios) == 1
    assert (finding.code, finding.origin.line, finding.related[0].line) == ("LAT0603", 9, 1)
