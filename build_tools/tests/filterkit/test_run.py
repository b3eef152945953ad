"""Scenarios in this process and on a real Envoy: what is sent is what the filter gets, what is missed is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lateen.filterkit.catalog import Filter, catalog, noop_module, read_filter
from lateen.filterkit.scenarios.run import Result, run
from lateen.schema.binary import find_envoy

PAGE = Path(__file__).resolve().parents[3] / "docs/filters/README.md"
Play = Callable[..., Result]

HEADERS = """\
function envoy_on_request(handle)
  local headers = handle:headers()
  headers:add("x-count", tostring(headers:getNumValues("x-many")))
  headers:add("x-config", tostring(CONFIG.value))
  headers:remove("x-gone")
  handle:streamInfo():dynamicMetadata():set("probe", "count", 1)
  handle:streamInfo():filterState():set("probe.key", "envoy.string", "v")
end
function envoy_on_response(handle)
  handle:headers():add("x-seen", "yes")
end
"""
BODIES = """\
function envoy_on_request(handle)
  local chunks = 0
  for chunk in handle:bodyChunks() do
    if chunk:length() > 0 then chunks = chunks + 1 end
  end
  handle:streamInfo():dynamicMetadata():set("probe", "chunks", chunks)
  local trailers = handle:trailers()
  if trailers then trailers:add("x-more", "2") end
end
function envoy_on_response(handle)
  local chunks = 0
  for chunk in handle:bodyChunks() do
    if chunk:length() > 0 then chunks = chunks + 1 end
  end
  handle:streamInfo():dynamicMetadata():set("probe", "out", chunks)
end
"""
DENY = """\
function envoy_on_request(handle)
  handle:respond({[":status"] = "403"}, "no")
end
"""
ABORT = """\
local ffi = require("ffi")
ffi.cdef("void abort(void);")
function envoy_on_request()
  ffi.C.abort()
end
"""
SCENARIO = """\
name: nothing happens
hosts: [inprocess, envoy]
request: {headers: [[":method", GET], [":path", /], [":authority", a.example]]}
expect: {request_headers: {":path": /}}
"""


def problems(result: Result) -> list[str]:
    """Both hosts say the same, so each once."""
    return list(dict.fromkeys(finding.message for finding in result.findings))


def test_a_filter_of_the_suite_does_what_its_scenarios_say() -> None:
    result = run(catalog()["tenant_context"], find_envoy())
    assert problems(result) == []
    assert result.count("passed", "envoy") == result.count("passed", "inprocess") >= 14


def test_the_example_of_the_documentation_holds(tmp_path: Path) -> None:
    example, _ = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    folder = tmp_path / "tenant_context"
    shutil.copytree(catalog()["tenant_context"].directory, folder, ignore=shutil.ignore_patterns("scenarios"))
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "example.yaml").write_text(example)
    result = run(read_filter(folder), find_envoy())
    assert (problems(result), result.count("passed")) == ([], 2)


def test_headers_metadata_and_attributes_are_seen(play: Play) -> None:
    result = play(
        HEADERS,
        """\
name: repeated headers stay apart
hosts: [inprocess, envoy]
config: {value: one}
request:
  headers: [[":method", GET], [":path", /], [":authority", a.example], [x-many, a], [x-many, b], [x-gone, x]]
response:
  headers: [[":status", "418"], [x-own, "1"], [x-own, "2"]]
  body: [ab, cd]
expect:
  request_headers: {":path": /, ":authority": a.example, x-many: "a,b", x-count: "2", x-gone: null, x-config: one}
  response_headers: {":status": "418", x-own: "1,2", x-seen: "yes", x-none: null}
  body: abcd
  metadata: {probe: {count: 1}, other: {}}
  attributes: {probe.key: v, probe.none: null}
---
name: another configuration stands beside it
hosts: [inprocess, envoy]
config: {value: two}
request:
  headers: [[":method", HEAD], [":path", /x], [":authority", a.example]]
expect:
  request_headers: {":method": HEAD, x-config: two, x-count: "0"}
""",
    )
    assert problems(result) == []
    assert result.count("passed") == 4


def test_chunks_and_trailers_arrive_as_written(play: Play) -> None:
    result = play(
        BODIES,
        """\
name: three chunks
hosts: [inprocess, envoy]
request:
  headers: [[":method", POST], [":path", /], [":authority", a.example]]
  body: [one, two, three]
  trailers: [[x-sum, "1"]]
response:
  body: [o, ut]
  trailers: [[x-end, "1"]]
expect:
  request_body: onetwothree
  request_trailers: {x-sum: "1", x-more: "2"}
  response_trailers: {x-end: "1"}
  body: out
  metadata: {probe: {chunks: 3, out: 2}}
""",
    )
    assert problems(result) == []


def test_a_local_reply_is_told_from_an_answer(play: Play) -> None:
    request = '{headers: [[":method", GET], [":path", /], [":authority", a.example]]}'
    result = play(
        DENY,
        f"""\
name: denied
hosts: [inprocess, envoy]
request: {request}
expect: {{local_reply: {{status: 403, body: "no", details: lua_response}}}}
---
name: denied otherwise
hosts: [inprocess, envoy]
request: {request}
expect: {{local_reply: {{status: 401, details: ext_authz_denied}}}}
---
name: passed on
hosts: [inprocess, envoy]
request: {request}
expect: {{request_headers: {{x-a: null}}}}
""",
    )
    assert problems(result) == [
        "denied otherwise: local reply: expected status 401, got 403 (lua_response)",
        "denied otherwise: local reply: details: expected 'ext_authz_denied', got 'lua_response'",
        "passed on: no local reply expected, got 403 (lua_response) 'no'",
        "passed on: the request did not reach the upstream",
    ]


def test_a_wrong_expectation_fails_at_its_line_and_keeps_the_log(play: Play) -> None:
    """LAT0605."""
    result = play(
        HEADERS,
        """\
name: wrong throughout
hosts: [inprocess, envoy]
request:
  headers: [[":method", GET], [":path", /], [":authority", a.example]]
expect:
  request_headers:
    x-count: "1"
    x-none: there
  response_headers: {x-seen: null}
  body: text
  metadata: {probe: {count: 2}}
  attributes: {probe.key: w}
  local_reply: {status: 403}
""",
    )
    found = {(f.code, f.origin.line, f.message.removeprefix("wrong throughout: ")) for f in result.findings}
    assert found == {
        ("LAT0605", 7, "request header x-count: expected '1', the upstream saw '0'"),
        ("LAT0605", 8, "request header x-none: expected 'there', the upstream saw none"),
        ("LAT0605", 9, "response header x-seen: expected none, the client saw 'yes'"),
        ("LAT0605", 10, "body: expected 'text', got ''"),
        ("LAT0605", 11, "metadata probe: expected {'count': 2}, got {'count': 1}"),
        ("LAT0605", 12, "attribute probe.key: expected 'w', got 'v'"),
        ("LAT0605", 13, "expected a local reply, but the upstream answered with 200"),
    }
    logs = [f.hint.removeprefix("Envoy's log: ") for f in result.findings if f.hint.startswith("Envoy's log: ")]
    assert len(logs) == len(found)
    assert all(Path(log).is_file() for log in logs)


def test_code_that_envoy_refuses_is_one_finding(play: Play) -> None:
    """LAT0607, LAT0617."""
    result = play(
        "function envoy_on_request(",
        """\
name: never run
hosts: [inprocess, envoy]
request: {headers: [[":method", GET], [":path", /]]}
expect: {}
""",
    )
    assert sorted(finding.code for finding in result.findings) == ["LAT0607", "LAT0617"]
    assert all("script load error" in finding.message for finding in result.findings)
    assert all("\n" not in finding.message for finding in result.findings)


def test_a_scenario_for_other_hosts_is_not_run(play: Play) -> None:
    """LAT0608."""
    result = play(
        HEADERS,
        """\
name: needs a clock
hosts: [inprocess]
request: {headers: [[":method", GET], [":path", /]]}
expect: {}
""",
        hosts=("envoy",),
    )
    assert result.count("not run") == 1
    assert [(f.code, f.message) for f in result.findings] == [
        ("LAT0608", "needs a clock: not run, it is for inprocess, not for envoy")
    ]


def test_a_filter_without_scenarios_is_a_fault(play: Play) -> None:
    """LAT0609."""
    assert [finding.code for finding in play(HEADERS, "").findings] == ["LAT0609"]


def test_a_filter_that_is_not_built_is_a_fault(make_filter: Callable[..., Filter]) -> None:
    """LAT0606."""
    suite = replace(make_filter("", SCENARIO), kind="wasm")
    assert [(f.code, f.hint) for f in run(suite, find_envoy()).findings] == [
        ("LAT0606", f"lateen filters build {suite.directory}")
    ]


def test_a_module_runs_as_it_would_in_a_mesh(make_filter: Callable[..., Filter]) -> None:
    suite = replace(make_filter("", SCENARIO), kind="wasm")
    (suite.directory / "probe.wasm").write_bytes(noop_module())
    result = run(suite, find_envoy())
    assert problems(result) == []
    assert result.count("passed") == 2


def test_an_envoy_that_dies_is_a_failure_of_the_scenario(play: Play) -> None:
    result = play(ABORT, SCENARIO, hosts=("envoy",))
    (message,) = problems(result)
    assert message.startswith("nothing happens: no answer from Envoy: ")
