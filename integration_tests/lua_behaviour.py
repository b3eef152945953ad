"""What a Lua host does, as tests for whichever hosts a subclass names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lateen.filterkit.catalog import read_filter
from lateen.filterkit.scenarios.run import ENVOY, Result, run
from lateen.schema.binary import find_envoy

Play = Callable[[str, str], Result]

DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: lua
phase: UNSPECIFIED
failure_policy: FAIL_OPEN
config: {type: object, additionalProperties: false}
"""


def lua_bytes(data: bytes) -> str:
    """Bytes as a Lua literal."""
    return "'" + "".join(f"\\{byte:03}" for byte in data) + "'"


TRY = """\
local function try(headers, name, call)
  local results = {pcall(call)}
  local texts = {}
  for i = 1, 4 do
    texts[i] = type(results[i]) == "table" and "table" or tostring(results[i]):gsub("0x%x+", "0x")
  end
  headers:add("x-" .. name, table.concat(texts, ";"))
end
"""
PRIVATE = rsa.generate_private_key(65537, 2048)
DER = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
KEY = f"handle:importPublicKey({lua_bytes(DER)}, {len(DER)})"
SIGNED = PRIVATE.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
SIGNATURE = lua_bytes(SIGNED)
CALLS = [
    "headers:get('x-many')",
    "headers:get('none')",
    "headers:getAtIndex('x-many', 1)",
    "headers:getAtIndex('x-many', 9)",
    "headers:getAtIndex('x-many', -1)",
    "headers:getNumValues('x-many')",
    "headers:getNumValues('none')",
    "headers:add('x-one')",
    "headers:get()",
    "headers:replace('x-many', 'new')",
    "headers:remove('x-many')",
    "headers:add('authorization', 'two')",
    "headers:setHttp1ReasonPhrase('fine')",
    "handle:requestHeaders():get(':path')",
    "handle:nothing()",
    "type(python)",
    "handle:metadata():get('x')",
    "handle:filterContext():get('x')",
    "handle:route():metadata():get('x')",
    "handle:virtualHost():metadata():get('x')",
    "handle:connectionStreamInfo():dynamicMetadata():get('x')",
    "handle:streamInfo():protocol()",
    "handle:streamInfo():routeName()",
    "handle:streamInfo():requestedServerName()",
    "handle:streamInfo():downstreamSslConnection()",
    "handle:streamInfo():dynamicTypedMetadata('x')",
    "handle:connection():ssl()",
    "handle:streamInfo():dynamicMetadata():get('x')",
    "handle:streamInfo():dynamicMetadata():set('ns', 'k', {a = 1, b = {1, 'two', true}, c = {}, d = 1.5})",
    "handle:streamInfo():dynamicMetadata():get('ns').k.b[2]",
    "handle:streamInfo():dynamicMetadata():get('ns').k.d",
    "handle:streamInfo():dynamicMetadata():set('ns', 'k2', 7)",
    "handle:streamInfo():filterState():get('x')",
    "handle:streamInfo():filterState():set('probe.key', 'envoy.string', 'v')",
    "handle:streamInfo():filterState():get('probe.key')",
    "handle:streamInfo():filterState():set('x', 'no.such', 'v')",
    "handle:stats():counter('c'):inc()",
    "handle:stats():counter('c'):add(3)",
    "handle:stats():gauge('g'):set(5)",
    "handle:stats():gauge('g'):sub(2)",
    "handle:stats():gauge('g'):value()",
    "handle:stats():histogram('h'):recordValue(1)",
    "handle:base64Escape('a\\255b')",
    "handle:base64Decode('YQ==')",
    "handle:base64Decode('YQ')",
    "handle:base64Decode('!!')",
    "handle:timestamp(EnvoyTimestampResolution.MICROSECOND)",
    "handle:timestampString(9)",
    "handle:httpCall('none', {[':method'] = 'GET', [':path'] = '/', [':authority'] = 'a'}, nil, 10)",
    "handle:httpCall('authz', {[':method'] = 'GET'}, nil, 10)",
    "handle:httpCall('authz', {[':method'] = 'GET', [':path'] = '/', [':authority'] = 'a'}, nil, -1)",
    "handle:respond({}, 'x')",
    "handle:respond({[':status'] = '99'}, 'x')",
    "handle:clearRouteCache()",
    "handle:verifySignature('sha256', 'junk', 'abc', 3, 'text', 4)",
    f"handle:verifySignature('sha256', {KEY}:get(), 'abc', 3, 'text', 4)",
    f"handle:verifySignature('sha256', {KEY}:get(), {SIGNATURE}, {len(SIGNED)}, 'text', 4)",
    f"handle:verifySignature('sha256', {KEY}:get(), {SIGNATURE}, {len(SIGNED)}, 'test', 4)",
    "handle:importPublicKey('junk', 4):get() ~= nil",
    f"handle:verifySignature('md99', {KEY}:get(), {SIGNATURE}, {len(SIGNED)}, 'text', 4)",
]
REQUEST = """{headers: [[":method", POST], [":path", /p], [":authority", a.example], [x-many, a], [x-many, b],
    [authorization, one]], body: [one, two]}"""
CALL = "handle:httpCall('authz', {[':method'] = 'GET', [':path'] = '/', [':authority'] = 'a'}, nil, 2000)"


def problems(result: Result) -> list[str]:
    assert result.outcomes
    return [f"{finding.message} {finding.hint}" for finding in result.findings]


class LuaHost:
    """The tests; what two hosts see differently is a problem too."""

    hosts: ClassVar[Sequence[str]]

    @pytest.fixture
    def play(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
        """`play(lua, scenarios)`: what came of the scenarios on the hosts."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        folder = tmp_path / "probe"
        (folder / "scenarios").mkdir(parents=True)
        (folder / "filter.yaml").write_text(DESCRIPTION)

        def run_there(lua: str, scenarios: str) -> Result:
            (folder / "filter.lua").write_text(lua)
            (folder / "scenarios" / "all.yaml").write_text(scenarios)
            return run(read_filter(folder), find_envoy() if ENVOY in self.hosts else None, self.hosts)

        return run_there

    def test_every_method_answers_as_on_envoy(self, play: Play) -> None:
        tries = "\n".join(
            f'try(headers, "{number:02}", function() return {call} end)' for number, call in enumerate(CALLS)
        )
        script = f"""{TRY}
function envoy_on_request(handle)
  local headers = handle:headers()
  {tries}
end"""
        result = play(
            script,
            f"""\
name: calls
hosts: [inprocess, envoy]
request: {REQUEST}
expect:
  metadata: {{ns: {{k: {{a: 1, b: [1, two, true], c: {{}}, d: 1.5}}, k2: 7}}}}
  attributes: {{probe.key: v}}
  metrics: {{errors: 0, g: 3}}
---
name: a cluster to know of
hosts: [inprocess, envoy]
callouts: [{{cluster: authz, response: {{}}}}]
request: {REQUEST}
expect: {{}}
""",
        )
        assert problems(result) == []

    @pytest.mark.parametrize(
        ("on_request", "on_response", "expect"),
        [
            ("handle:headers():add('x-body', handle:body():getBytes(0, 6))", "", "metrics: {errors: 1}"),
            (
                "local b = handle:body() handle:headers():add('x-b', b:getBytes(0, 6))",
                "",
                "request_headers: {x-b: onetwo}",
            ),
            ("handle:body():setBytes('other')", "", "request_body: other"),
            ("handle:body() handle:body():setBytes('other')", "", "request_body: other"),
            ("for piece in handle:bodyChunks() do piece:setBytes('<' .. piece:length() .. '>') end", "", "{}"),
            ("for piece in handle:bodyChunks() do end handle:body()", "", "metrics: {errors: 1}"),
            ("for piece in handle:bodyChunks() do end handle:headers():add('x-late', '1')", "", "metrics: {errors: 1}"),
            ("handle:trailers() handle:headers():add('x-late', '1')", "", "metrics: {errors: 1}"),
            ("local t = handle:trailers() handle:logInfo('trailers ' .. tostring(t))", "", "logs: [trailers nil]"),
            (
                f"local h = {CALL} handle:headers():add('x-status', h[':status'])",
                "",
                "request_headers: {x-status: '200'}",
            ),
            (f"{CALL} handle:body()", "", "metrics: {errors: 1}"),
            (f"handle:body() {CALL} handle:headers():add('x-a', '1')", "", "request_headers: {x-a: '1'}"),
            ("handle:respond({[':status'] = '403', ['x-a'] = {'1', '2'}}, 'no')", "", "local_reply: {status: 403}"),
            (
                "handle:respond({[':status'] = '403'}, 'no') handle:headers():add('x-after', '1')",
                "handle:headers():add('x-seen', handle:headers():get(':status'))",
                "local_reply: {status: 403}, response_headers: {x-seen: '403'}",
            ),
            (f"{CALL} handle:respond({{[':status'] = '401'}}, 'no')", "", "local_reply: {status: 401}"),
            ("handle:body() handle:respond({[':status'] = '401'}, 'no')", "", "local_reply: {status: 401}"),
            (
                "",
                "local b = handle:body() handle:headers():add('x-b', b:getBytes(0, 6))",
                "response_headers: {x-b: answer}",
            ),
            ("", "handle:body():setBytes('longer than before')", "{}"),
            ("", "handle:respond({[':status'] = '403'}, 'no')", "metrics: {errors: 1}"),
            ("", f"local h, b = {CALL} handle:headers():add('x-b', b)", "response_headers: {x-b: 'yes'}"),
            ("", "handle:requestHeaders():add('x-late', '1')", "metrics: {errors: 0}"),
            ("error('oops')", "handle:headers():add('x-seen', '1')", "metrics: {errors: 1}"),
            ("error({})", "", "metrics: {errors: 1}"),
            ("handle:importPublicKey('junk', 4):get():len()", "", "metrics: {errors: 1}"),
            ("handle:importPublicKey('junk', 4) assert(handle:importPublicKey(KEY, #KEY):get() == nil)", "", "{}"),
            ("handle:verifySignature('sha256', handle:importPublicKey('junk', 4), '', 0, '', 0)", "", "{}"),
            ("coroutine.yield()", "", "metrics: {errors: 1}"),
            ("kept = handle:headers()", "kept:add('x', '1')", "metrics: {errors: 1}"),
            ("pcall(function() handle:body() end) handle:headers():add('x-a', '1')", "", "request_headers: {x-a: '1'}"),
        ],
    )
    def test_scripts_wait_answer_and_fail_as_on_envoy(
        self, play: Play, on_request: str, on_response: str, expect: str
    ) -> None:
        script = f"""
KEY = {lua_bytes(DER)}
function envoy_on_request(handle) {on_request} end
function envoy_on_response(handle) {on_response} end"""
        result = play(
            script,
            f"""\
name: one
hosts: [inprocess, envoy]
callouts: [{{cluster: authz, response: {{body: [ye, s]}}}}]
request: {REQUEST}
response: {{body: [ans, wer]}}
expect: {expect if expect == "{}" else f"{{{expect}}}"}
""",
        )
        assert problems(result) == []
