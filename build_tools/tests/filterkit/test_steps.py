"""Several requests, what other clusters answer them, and what the filter counts and logs meanwhile, on both hosts."""

from __future__ import annotations

from collections.abc import Callable

from lateen.filterkit.scenarios.run import Result

Play = Callable[[str, str], Result]

ASK = """\
local seen = 0
function envoy_on_request(handle)
  seen = seen + 1
  handle:stats():counter("asked"):inc()
  handle:logInfo("asking for " .. handle:headers():get(":path"))
  local call = {[":method"] = "POST", [":path"] = handle:headers():get(":path"), [":authority"] = "authz"}
  call["x-seen"] = tostring(seen)
  local headers, body = handle:httpCall("authz", call, "who\\255", 1500)
  handle:headers():add("x-answer", headers[":status"])
  handle:headers():add("x-body", body or "")
end
"""
GET = """{headers: [[":method", GET], [":path", /], [":authority", a.example]]}"""


def problems(result: Result) -> list[str]:
    """Both hosts say the same, so each once."""
    return list(dict.fromkeys(finding.message for finding in result.findings))


def test_steps_share_state_and_clusters_answer_as_written(play: Play) -> None:
    result = play(
        ASK,
        """\
name: two steps and a pause
hosts: [inprocess, envoy]
callouts:
- {cluster: authz, match: {method: POST, path: /yes}, response: {headers: [[":status", "200"]], body: [o, k]}}
- {cluster: authz, response: {headers: [[":status", "403"]]}}
steps:
- request: {headers: [[":method", GET], [":path", /yes], [":authority", a.example]]}
  expect:
    request_headers: {x-answer: "200", x-body: ok}
    callouts: [{cluster: authz, headers: {":path": /yes, x-seen: "1"}, body: {base64: d2hv/w==}}]
    metrics: {asked: 1, errors: 0}
    logs: [asking for /yes]
- sleep: 20ms
- request: {headers: [[":method", GET], [":path", /no], [":authority", a.example]]}
  expect: {request_headers: {x-answer: "403"}, callouts: [{cluster: authz, headers: {x-seen: "2"}}]}
- request: {headers: [[":method", GET], [":path", /step], [":authority", a.example]]}
  callouts: [{cluster: authz, response: {headers: [[":status", "201"]]}}]
  expect: {request_headers: {x-answer: "201"}}
- together:
  - request: {headers: [[":method", GET], [":path", /a], [":authority", a.example]]}
    response: {body: [a]}
    expect: {body: a}
  - request: {headers: [[":method", GET], [":path", /b], [":authority", a.example]]}
    response: {body: [b]}
    expect: {body: b, metrics: {asked: 2}}
---
name: state is the scenario's own
hosts: [inprocess, envoy]
callouts: [{cluster: authz, response: {}}]
request: {headers: [[":method", GET], [":path", /yes], [":authority", a.example]]}
expect: {callouts: [{cluster: authz, headers: {x-seen: "1"}}]}
""",
    )
    assert problems(result) == []
    assert result.count("passed") == 4


def test_a_cluster_fails_in_every_way(play: Play) -> None:
    result = play(
        ASK,
        f"""\
name: failures
hosts: [inprocess, envoy]
steps:
- request: {GET}
  callouts: [{{cluster: authz, error: unreachable}}]
  expect: {{request_headers: {{x-answer: "503"}}, callouts: []}}
- request: {GET}
  callouts: [{{cluster: authz, response: {{}}, delay: 10ms}}]
  expect: {{request_headers: {{x-answer: "200"}}}}
- request: {GET}
  callouts: [{{cluster: authz, error: timeout}}]
  expect: {{request_headers: {{x-answer: "504", x-body: upstream request timeout}}}}
- request: {GET}
  callouts: [{{cluster: authz, error: reset}}]
  expect: {{request_headers: {{x-answer: "503"}}, callouts: [{{cluster: authz}}]}}
""",
    )
    assert problems(result) == []


def test_what_was_not_expected_of_calls_metrics_and_logs_is_said(play: Play) -> None:
    result = play(
        ASK,
        f"""\
name: wrong
hosts: [inprocess, envoy]
callouts: [{{cluster: authz, match: {{path: /other}}, response: {{}}}}]
steps:
- request: {GET}
  expect:
    callouts: []
    metrics: {{asked: 2}}
    logs: [never said]
- request: {GET}
  expect: {{callouts: [{{cluster: authz, headers: {{x-seen: "7"}}, body: text}}]}}
""",
    )
    found = [(f.origin.line, f.message.removeprefix("wrong: ")) for f in result.findings]
    assert found[: len(found) // 2] == found[len(found) // 2 :]
    assert list(dict.fromkeys(found)) == [
        (7, "nothing answers the call to authz: POST /"),
        (7, "callouts: expected 0, got 1 (authz: POST /)"),
        (8, "metric asked: expected a change of 2, got 1"),
        (9, "no line of the log contains 'never said'"),
        (11, "nothing answers the call to authz: POST /"),
        (11, "callout header x-seen: expected '7', it had '2'"),
        (11, "callout: body: expected 'text', got 'who\\udcff'"),
    ]


def test_a_client_that_gives_up_is_seen_by_the_filter_only(play: Play) -> None:
    request = '[[":method", POST], [":path", /], [":authority", a.example]]'
    result = play(
        """\
function envoy_on_request(handle)
  handle:stats():counter("headers"):inc()
  for chunk in handle:bodyChunks() do
    if chunk:length() > 0 then handle:stats():counter("chunks"):inc() end
  end
  handle:stats():counter("ends"):inc()
end
""",
        f"""\
name: gone
hosts: [inprocess, envoy]
steps:
- request: {{headers: {request}, body: [a, b], reset_after: headers}}
  expect: {{metrics: {{headers: 1, chunks: 0}}}}
- request: {{headers: {request}, body: [a, b], reset_after: body}}
  expect: {{metrics: {{headers: 1, chunks: 2, ends: 0}}}}
- request: {{headers: {request}, body: [a, b], reset_after: end}}
  expect: {{request_body: ab, metrics: {{headers: 1, chunks: 2, ends: 1}}}}
""",
    )
    assert problems(result) == []


def test_bytes_that_are_no_text_pass_through(play: Play) -> None:
    result = play(
        "function envoy_on_request(handle) handle:headers():add('x-len', tostring(#handle:headers():get('x-raw'))) end",
        """\
name: raw
hosts: [inprocess, envoy]
request:
  headers: [[":method", POST], [":path", /], [":authority", a.example], [x-raw, {base64: gIH/}]]
  body: [{base64: w/8=}, {base64: /w==}]
response: {body: [{base64: //79}]}
expect:
  request_headers: {x-raw: {base64: gIH/}, x-len: "3"}
  request_body: {base64: w///}
  body: {base64: //79}
""",
    )
    assert problems(result) == []


def test_a_refused_configuration_is_an_expectation_too(play: Play) -> None:
    result = play(
        "assert(CONFIG.value ~= 'bad', 'value: bad is not good') function envoy_on_request() end",
        """\
name: refused
hosts: [inprocess, envoy]
config: {value: bad}
refused: "value: bad is not good"
---
name: refused for another reason
hosts: [inprocess, envoy]
config: {value: bad}
refused: something else
---
name: taken
hosts: [inprocess, envoy]
config: {value: good}
refused: it
""",
    )
    assert problems(result) == [
        "refused for another reason: the configuration is refused, but no line of the log contains 'something else'",
        "taken: the filter takes the configuration",
    ]
