"""What a proxy-wasm host does, as tests for whichever hosts a subclass names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

import wat
from lateen.filterkit.catalog import read_filter
from lateen.filterkit.host import wire
from lateen.filterkit.host.abi import VERSIONS
from lateen.filterkit.host.pairs import serialize
from lateen.filterkit.scenarios.run import ENVOY, INPROCESS, Result, run
from lateen.schema.binary import find_envoy
from wasm_statuses import STATUSES, TEXTS

PlayModule = Callable[[bytes, str], Result]

DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: wasm
phase: UNSPECIFIED
failure_policy: FAIL_RELOAD
reads_body: true
config: {type: object, additionalProperties: false}
"""
GET = '{headers: [[":method", GET], [":path", /], [":authority", a.example], [x-a, one], [x-a, two]]}'
POST = '{headers: [[":method", POST], [":path", /], [":authority", a.example]], body: [one, two, three]}'
GRPC_CALL = """{headers: [[":method", POST], [":path", /s/m], [":authority", a.example],
    [content-type, application/grpc+proto]], body: [one]}"""
HEAD = GET.replace("GET", "HEAD")
CONTINUE, STOP, STOP_ALL = "(i32.const 0)", "(i32.const 1)", "(i32.const 4)"
BUFFER, WATERMARK, DROP = "(i32.const 1)", "(i32.const 2)", "(i32.const 3)"
REPLY = """(drop (call $proxy_send_local_response (i32.const 403) {details} {body} {pairs} (i32.const -1)))"""
CHANGE = "(drop (call $proxy_%s_header_map_value (i32.const %d) %s))"
MARK = "(drop (call $proxy_add_header_map_value (i32.const %d) {mark} {mark}))"
BODY = "(drop (call $proxy_set_buffer_bytes (i32.const %d) (i32.const %d) (i32.const %d) {body}))"
UNTIL_END = "(if (result i32) (local.get 2) (then %s (i32.const 0)) (else %s))"
COUNT = """(drop (call $proxy_define_metric (i32.const 0) {%s} (i32.const 8)))
(drop (call $proxy_increment_metric (i32.load (i32.const 8)) (i64.const 1)))"""
MORE = {
    "details": "no way",
    "body": "BODY",
    "pairs": serialize([(b"x-why", b"1"), (b"X-Why", b"2")]).decode("latin-1"),
    "tilde": "~%" + "x" * 5000,
    "own": serialize([(b"grpc-status", b"5"), (b"content-type", b"text/html"), (b"content-length", b"3")]).decode(
        "latin-1"
    ),
    "line": "a\nb: c",
    "control": "a\x7f",
    "spaced": "x bad",
    "method_name": ":method",
    "path_name": ":path",
    "status_name": ":status",
    "mark": "x-mark",
    "log": "logged",
    "done": "finished",
}
LARGE = "[" + ", ".join(["x" * 65536] * 20) + "]"
HEADERS = serialize([(b":method", b"POST"), (b":path", b"/check"), (b":authority", b"authz"), (b"x-key", b"k")])
CALL = {
    "cluster": "authz",
    "headers": HEADERS.decode("latin-1"),
    "empty": "",
    "question": "who?",
    "status": ":status",
    "x_status": "x-status",
    "x_body": "x-body",
    "service": wire.write({1: wire.write({1: b"authz_grpc"})}).decode("latin-1"),
    "name": "pkg.Service",
    "method_": "Check",
    "metadata": serialize([(b"x-key", b"k")]).decode("latin-1"),
}
REMEMBER = "(i32.store (i32.const 16) (local.get 0))"
"""Keep the number of the newest context, which is the stream's."""
GO_ON = """(drop (call $proxy_set_effective_context (i32.load (i32.const 16))))
%s
(drop (call $proxy_continue_stream (i32.const 0)))"""
HTTP = {
    "on_context_create": REMEMBER,
    "on_request_headers": """(drop (call $proxy_http_call {cluster} {headers} {question} {empty} (i32.const 200)
      (i32.const 8)))"""
    + STOP_ALL,
    "on_http_call_response": """
    (drop (call $proxy_get_header_map_value (i32.const 6) {status} (i32.const 20) (i32.const 24)))
    (drop (call $proxy_get_buffer_bytes (i32.const 4) (i32.const 0) (local.get 3) (i32.const 28) (i32.const 32)))"""
    + GO_ON
    % """(drop (call $proxy_add_header_map_value (i32.const 0) {x_status}
      (i32.load (i32.const 20)) (i32.load (i32.const 24))))
    (drop (call $proxy_add_header_map_value (i32.const 0) {x_body}
      (i32.load (i32.const 28)) (i32.load (i32.const 32))))""",
}
GRPC = {
    "on_context_create": REMEMBER,
    "on_request_headers": """(drop (call $proxy_grpc_call {service} {name} {method_} {metadata} {question}
      (i32.const 200) (i32.const 8)))"""
    + STOP_ALL,
    "on_grpc_receive": """
    (drop (call $proxy_get_buffer_bytes (i32.const 5) (i32.const 0) (local.get 2) (i32.const 28) (i32.const 32)))"""
    + GO_ON
    % """(drop (call $proxy_add_header_map_value (i32.const 0) {x_body}
      (i32.load (i32.const 28)) (i32.load (i32.const 32))))""",
    "on_grpc_close": """(drop (call $proxy_get_status (i32.const 36) (i32.const 28) (i32.const 32)))
    (i32.store8 (i32.const 40) (i32.add (i32.const 97) (local.get 2)))"""
    + GO_ON
    % """(drop (call $proxy_add_header_map_value (i32.const 0) {x_status} (i32.const 40) (i32.const 1)))
    (drop (call $proxy_add_header_map_value (i32.const 0) {x_body}
      (i32.load (i32.const 28)) (i32.load (i32.const 32))))""",
}
_NOT_STARTED = {ENVOY: "LAT0607", INPROCESS: "LAT0617"}


def problems(result: Result) -> list[str]:
    assert result.outcomes
    return [f"{finding.message} {finding.hint}" for finding in result.findings]


class WasmHost:
    """The tests; what two hosts see differently is a problem too."""

    hosts: ClassVar[Sequence[str]]

    @pytest.fixture
    def play_module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayModule:
        """`play_module(module, scenarios)`: what came of the scenarios on the hosts."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        folder = tmp_path / "probe"
        (folder / "scenarios").mkdir(parents=True)
        (folder / "filter.yaml").write_text(DESCRIPTION)

        def run_there(module: bytes, scenarios: str) -> Result:
            (folder / "probe.wasm").write_bytes(module)
            (folder / "scenarios" / "all.yaml").write_text(scenarios)
            return run(read_filter(folder), find_envoy() if ENVOY in self.hosts else None, self.hosts)

        return run_there

    def test_every_function_answers_as_envoy_does(self, play_module: PlayModule) -> None:
        probes = "\n".join(
            f"(i32.store8 (i32.const {1024 + index}) (i32.add (i32.const 97) (call $proxy_{name} {arguments})))"
            for index, (name, arguments, _) in enumerate(STATUSES)
        )
        expected = "".join(chr(97 + status) for _, _, status in STATUSES)
        code = f"""{probes}
    (drop (call $proxy_add_header_map_value (i32.const 0) {{st}} (i32.const 1024) (i32.const {len(STATUSES)})))
    (i32.const 0)"""
        result = play_module(
            wat.module({"on_request_headers": code}, TEXTS),
            f"""\
name: statuses
hosts: [inprocess, envoy]
request: {GET}
expect: {{request_headers: {{x-statuses: {expected}, text: other}}, metrics: {{text: 5, other: 3}}}}
""",
        )
        assert problems(result) == []

    @pytest.mark.parametrize(
        ("callbacks", "request_", "expect"),
        [
            ({"on_request_headers": REPLY + STOP}, GET, "local_reply: {status: 403, body: BODY, details: no_way}"),
            (
                {"on_request_headers": REPLY + CONTINUE},
                GET,
                "local_reply: {status: 403}, response_headers: {x-why: '1,2'}",
            ),
            (
                {"on_request_headers": REPLY + STOP},
                GRPC_CALL,
                "response_headers: {grpc-status: '7'}, local_reply: {status: 200}",
            ),
            ({"on_request_headers": REPLY.replace("-1", "9") + STOP}, GRPC_CALL, "local_reply: {status: 200}"),
            (
                {"on_request_headers": REPLY.replace("{body}", "{tilde}").replace("{pairs}", "{own}") + STOP},
                GRPC_CALL,
                "response_headers: {grpc-status: '5', content-type: application/grpc, content-length: '0'}, "
                "local_reply: {status: 200}",
            ),
            ({"on_request_headers": "(unreachable)"}, GRPC_CALL, "fails: true"),
            ({"on_request_headers": REPLY + STOP}, HEAD, "local_reply: {status: 403}"),
            ({"on_request_body": REPLY + CONTINUE}, POST, "local_reply: {status: 403}"),
            ({"on_request_headers": STOP, "on_request_body": REPLY + BUFFER}, POST, "local_reply: {status: 403}"),
            ({"on_response_headers": REPLY + CONTINUE}, GET, "local_reply: {status: 403, body: BODY}"),
            (
                {"on_request_headers": REPLY + STOP, "on_response_headers": MARK % 2 + CONTINUE},
                GET,
                "local_reply: {status: 403}, response_headers: {x-mark: x-mark}",
            ),
            (
                {"on_request_headers": REPLY + STOP, "on_response_body": BODY % (1, 0, 0) + CONTINUE},
                GET,
                "local_reply: {status: 403}",
            ),
            ({"on_request_headers": REPLY + REPLY + STOP}, GET, "local_reply: {status: 403, body: BODY}"),
            ({"on_request_headers": REPLY.replace("403", "204") + STOP}, GET, "local_reply: {status: 204, body: ''}"),
            *(
                ({"on_request_headers": change + CONTINUE}, GET, f"local_reply: {{status: {status}}}")
                for change, status in (
                    (CHANGE % ("add", 0, "{mark} {line}"), 503),
                    (CHANGE % ("add", 0, "{mark} {control}"), 503),
                    (CHANGE % ("add", 0, "{spaced} {mark}"), 503),
                    (CHANGE % ("remove", 0, "{method_name}"), 503),
                    (CHANGE % ("remove", 0, "{path_name}"), 404),
                )
            ),
            (
                {"on_response_headers": CHANGE % ("remove", 2, "{status_name}") + CONTINUE},
                GET,
                "local_reply: {status: 502}",
            ),
            (
                {"on_response_headers": CHANGE % ("add", 2, "{mark} {line}") + CONTINUE},
                GET,
                "response_headers: {x-mark: a, b: c}",
            ),
            ({"on_request_headers": STOP}, GET, "local_reply: {status: 504}"),
            ({"on_request_headers": STOP_ALL}, POST, "local_reply: {status: 504}"),
            ({"on_request_body": UNTIL_END % (BODY % (0, 0, 999), BUFFER)}, POST, "request_body: BODY"),
            ({"on_request_body": UNTIL_END % ("", BUFFER)}, POST, "request_body: onetwothree"),
            ({"on_request_body": UNTIL_END % ("", WATERMARK)}, POST, "request_body: onetwothree"),
            ({"on_request_body": UNTIL_END % ("", DROP)}, POST, "request_body: ''"),
            ({"on_request_body": BODY % (0, 0, 0) + CONTINUE}, POST, "request_body: BODYoneBODYtwoBODYthreeBODY"),
            ({"on_request_body": BODY % (0, 9999, 0) + CONTINUE}, POST, "request_body: oneBODYtwoBODYthreeBODYBODY"),
            ({"on_request_body": BODY % (0, 1, 1) + CONTINUE}, POST, "request_body: onetwothreeBODY"),
            (
                {"on_request_headers": STOP, "on_request_body": UNTIL_END % (MARK % 0, BUFFER)},
                POST,
                "request_headers: {x-mark: x-mark}, request_body: onetwothree",
            ),
            ({"on_request_headers": STOP, "on_request_body": UNTIL_END % ("", DROP)}, POST, "request_body: ''"),
            ({"on_request_body": MARK % 1 + CONTINUE}, POST, "request_trailers: {x-mark: x-mark}"),
            ({"on_response_body": MARK % 3 + CONTINUE}, POST, "response_trailers: {x-mark: x-mark}"),
            ({"on_response_headers": STOP, "on_response_body": UNTIL_END % (MARK % 2, BUFFER)}, GET, "body: answer"),
            ({"on_response_body": UNTIL_END % (BODY % (1, 0, 999), BUFFER)}, GET, "body: BODY"),
            (
                {"on_log": COUNT % "log", "on_done": COUNT % "done" + "(i32.const 1)"},
                GET,
                "metrics: {logged: 1, finished: 1}",
            ),
            ({"on_log": MARK % 0}, GET, "body: answer"),
            ({"on_request_headers": "(unreachable)"}, GET, "fails: true"),
            ({"on_request_body": "(unreachable)"}, POST, "fails: true"),
            ({"on_response_headers": "(unreachable)"}, GET, "fails: true"),
            ({"on_response_body": "(unreachable)"}, GET, "fails: true"),
            ({"on_log": "(unreachable)"}, GET, "body: answer"),
            ({"on_done": "(unreachable)"}, GET, "body: answer"),
            (
                {"on_request_headers": "(drop (call $proxy_close_stream (i32.const 0)))" + STOP},
                GET,
                "fails: true",
            ),
            (
                {"on_request_headers": STOP, "on_request_body": UNTIL_END % ("", BUFFER)},
                POST.replace("[one, two, three]", LARGE),
                "local_reply: {status: 413, details: request_payload_too_large}",
            ),
        ],
    )
    def test_pause_resume_and_replies_are_those_of_envoy(
        self, play_module: PlayModule, callbacks: dict[str, str], request_: str, expect: str
    ) -> None:
        result = play_module(
            wat.module(callbacks, TEXTS | MORE),
            f"""\
name: one
hosts: [inprocess, envoy]
request: {request_}
response: {{headers: [[":status", "200"], [x-b, "1"]], body: [ans, wer]}}
expect: {{{expect}}}
""",
        )
        assert problems(result) == []

    def test_calls_by_http_end_as_on_envoy(self, play_module: PlayModule) -> None:
        made = 'callouts: [{cluster: authz, headers: {":path": /check, x-key: k}, body: "who?"}]'
        answers = {
            'response: {headers: [[":status", "201"]], body: [it is, " me"]}': "x-status: '201', x-body: it is me",
            "response: {}, delay: 20ms": "x-status: '200'",
            "response: {}, delay: 400ms": "x-status: '504', x-body: upstream request timeout",
            "error: timeout": "x-status: '504', x-body: upstream request timeout",
            "error: reset": "x-status: '503'",
        }
        steps = [
            f"- request: {GET}\n  callouts: [{{cluster: authz, {answer}}}]\n"
            f"  expect: {{request_headers: {{{headers}}}, {made}}}"
            for answer, headers in answers.items()
        ]
        steps.append(
            f"- request: {GET}\n  callouts: [{{cluster: authz, error: unreachable}}]\n"
            "  expect: {request_headers: {x-status: '503'}, callouts: []}"
        )
        scenario = "name: answers\nhosts: [inprocess, envoy]\nsteps:\n" + "\n".join(steps) + "\n"
        assert problems(play_module(wat.module(HTTP, TEXTS | CALL), scenario)) == []

    def test_calls_by_grpc_end_as_on_envoy(self, play_module: PlayModule) -> None:
        made = "callouts: [{cluster: authz_grpc, headers: {':path': /pkg.Service/Check, x-key: k}, body: who?}]"
        answers = {
            "grpc: {message_base64: aXQgaXMgbWU=}": "x-status: null, x-body: it is me",
            "grpc: {}": "x-status: 'n'",
            "grpc: {status: 5}": "x-status: f",
            "grpc: {status: 7, details: not you}": "x-status: h, x-body: 'not you{via_upstream}'",
            "grpc: {message_base64: aXQgaXMgbWU=}, delay: 400ms": "x-status: o",
            "grpc: {}, error: timeout": "x-status: o, x-body: 'upstream request timeout{response_timeout}'",
        }
        steps = [
            f"- request: {GET}\n  callouts: [{{cluster: authz_grpc, {answer}}}]\n"
            f"  expect: {{request_headers: {{{headers}}}, {made}}}"
            for answer, headers in answers.items()
        ]
        steps.append(
            f"- request: {GET}\n  callouts: [{{cluster: authz_grpc, error: unreachable}}]\n"
            "  expect: {request_headers: {x-status: o}, callouts: []}"
        )
        steps.append(f"- request: {GET}\n  callouts: [{{cluster: authz_grpc, error: reset}}]\n  expect: {{{made}}}")
        scenario = "name: answers\nhosts: [inprocess, envoy]\nsteps:\n" + "\n".join(steps) + "\n"
        assert problems(play_module(wat.module(GRPC, TEXTS | CALL), scenario)) == []

    def test_a_client_that_is_gone_is_not_waited_for(self, play_module: PlayModule) -> None:
        result = play_module(
            wat.module(HTTP | {"on_log": COUNT % "log"}, TEXTS | MORE | CALL),
            f"""\
name: gone while a call is under way
hosts: [inprocess, envoy]
callouts: [{{cluster: authz, response: {{}}, delay: 100ms}}]
steps:
- request: {{headers: [[":method", GET], [":path", /], [":authority", a.example]], reset_after: end}}
  expect: {{metrics: {{logged: 1}}, callouts: [{{cluster: authz}}]}}
- sleep: 150ms
- request: {GET}
  expect: {{request_headers: {{x-status: "200"}}, metrics: {{logged: 1}}}}
""",
        )
        assert problems(result) == []

    def test_ticks_come_in_their_period(self, play_module: PlayModule) -> None:
        code = wat.module(
            {
                "on_configure": "(drop (call $proxy_set_tick_period_milliseconds (i32.const 60))) (i32.const 1)",
                "on_tick": COUNT % "log",
                "on_request_headers": CONTINUE,
            },
            TEXTS | MORE,
        )
        result = play_module(
            code,
            f"""\
name: as time is advanced
hosts: [inprocess]
steps:
- request: {GET}
  expect: {{metrics: {{logged: 0}}}}
- advance: 200ms
- request: {GET}
---
name: in real time
hosts: [inprocess, envoy]
steps:
- request: {GET}
- sleep: 200ms
- request: {GET}
""",
        )
        assert problems(result) == []

    def test_abi_0_2_0_runs_too(self, play_module: PlayModule) -> None:
        older = wat.module({"on_request_headers": MARK % 0 + CONTINUE}, TEXTS | MORE, abi=VERSIONS[1])
        newer_function = wat.module(
            {"on_request_headers": "(drop (call $proxy_get_log_level (i32.const 0)))" + CONTINUE}, abi=VERSIONS[1]
        )
        scenario = (
            f"name: one\nhosts: [inprocess, envoy]\nrequest: {GET}\nexpect: {{request_headers: {{x-mark: x-mark}}}}\n"
        )
        assert problems(play_module(older, scenario)) == []
        found = {finding.code: finding.message for finding in play_module(newer_function, scenario).findings}
        assert set(found) == {_NOT_STARTED[host] for host in self.hosts}
        assert "env.proxy_get_log_level" in found["LAT0617"]

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (b"junk", "Failed to"),
            (wat.module({}, abi="proxy_abi_version_0_3_0"), "Missing or unknown Proxy-Wasm ABI version"),
            (wat.module({"on_configure": "(i32.const 0)"}), "refuses its configuration"),
            (wat.module({"on_configure": "(unreachable)"}), "proxy_on_configure failed"),
            (wat.module({"on_vm_start": "(i32.const 0)"}), "refuses its configuration"),
        ],
    )
    def test_what_does_not_start_does_so_on_neither_host(
        self, play_module: PlayModule, code: bytes, reason: str
    ) -> None:
        """LAT0607, LAT0617."""
        scenario = f"name: one\nhosts: [inprocess, envoy]\nrequest: {GET}\nexpect: {{}}\n"
        found = {finding.code: finding.message for finding in play_module(code, scenario).findings}
        assert set(found) == {_NOT_STARTED[host] for host in self.hosts}
        assert reason in found["LAT0617"]
