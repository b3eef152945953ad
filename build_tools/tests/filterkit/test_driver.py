"""The library for tests, and the pytest plugin: filters of other projects, without Envoy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import wat
from lateen.filterkit.host.driver import lua, request, response, wasm
from lateen.filterkit.host.machine import ModuleError
from lateen.filterkit.scenarios.scenario import Answer

PAGE = Path(__file__).resolve().parents[3] / "docs/filter-testing.md"

MARKS = wat.module(
    {"on_request_headers": "(drop (call $proxy_add_header_map_value (i32.const 0) {mark} {mark})) (i32.const 0)"},
    {"mark": "x-mark"},
)


def test_a_module_is_driven_request_by_request() -> None:
    filter_ = wasm(MARKS)
    seen = filter_.exchange(request("POST", "/x", body=["a", b"\xff"]), response(201, body=["b"]))
    assert seen.request is not None
    assert (seen.request.header("x-mark"), seen.request.content) == ("x-mark", "a\udcff")
    assert (seen.response.header(":status"), seen.response.content, seen.details) == ("201", "b", "via_upstream")


def test_faults_of_the_host_are_answered_to_the_module() -> None:
    seen = wasm(MARKS, faults={"proxy_add_header_map_value": 10}).exchange(request())
    assert seen.request is not None
    assert seen.request.header("x-mark") is None


def test_what_a_module_is_not_allowed_fails_and_does_not_come() -> None:
    called = wasm(MARKS, allowed=frozenset({"proxy_on_request_headers"})).exchange(request())
    never_called = wasm(MARKS, allowed=frozenset({"proxy_add_header_map_value"})).exchange(request())
    allowed = wasm(MARKS, allowed=frozenset({"proxy_on_request_headers", "proxy_add_header_map_value"}))
    assert [one.request and one.request.header("x-mark") for one in (called, never_called)] == [None, None]
    assert "x-mark" in str(allowed.exchange(request()).request)


def test_an_answer_that_would_crash_envoy_is_told() -> None:
    reply = "(call $proxy_send_local_response (i32.const 403) {m} {m} {m@} (i32.const 0) (i32.const -1))"
    seen = wasm(wat.module({"on_log": f"(drop {reply})"}, {"m": "no"})).exchange(request())
    assert seen.broken == "no answer from Envoy: it crashes where a module answers in proxy_on_log"


def test_time_passes_only_when_it_is_advanced() -> None:
    filter_ = lua(
        """
function envoy_on_request(handle)
  handle:headers():add("x-time", handle:timestampString())
end"""
    )
    first = filter_.exchange(request()).request
    filter_.advance(2.5)
    second = filter_.exchange(request()).request
    assert first is not None
    assert second is not None
    assert int(second.header("x-time") or 0) - int(first.header("x-time") or 0) == 2500


def test_other_clusters_answer_as_they_are_told() -> None:
    filter_ = lua(
        """
function envoy_on_request(handle)
  local call = {[":method"] = "GET", [":path"] = "/", [":authority"] = "authz"}
  local headers, body = handle:httpCall("authz", call, nil, 50)
  handle:respond({[":status"] = headers[":status"]}, body)
end""",
        clusters=["authz"],
    )
    answered = filter_.exchange(request(), answers=[Answer("authz", response=response(403, body=["no"]))])
    late = filter_.exchange(request(), answers=[Answer("authz", delay=1.0)])
    assert (answered.response.header(":status"), answered.response.content) == ("403", "no")
    assert [call.cluster for call in answered.meanwhile.calls] == ["authz"]
    assert late.response.header(":status") == "504"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("(module)", "Missing or unknown Proxy-Wasm ABI version"),
        ('(module (func (export "proxy_abi_version_0_2_1")))', "missing its memory"),
        (
            '(module (import "wbg" "x" (func)) (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))',
            "missing import: wbg.x",
        ),
        ('(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))', "missing malloc function"),
        (
            '(module (memory (export "memory") 64) (func (export "proxy_abi_version_0_2_1")))',
            "Failed to initialize Wasm code",
        ),
    ],
)
def test_what_is_no_module_is_refused_with_its_reason(code: str, reason: str) -> None:
    import wasmtime  # noqa: PLC0415

    with pytest.raises(ModuleError, match=reason):
        wasm(bytes(wasmtime.wat2wasm(code)), memory=1024 * 1024)


def test_the_examples_of_the_documentation_run_as_a_project_of_their_own(tmp_path: Path) -> None:
    """With nothing but the installed package: the plugin is found by its entry point."""
    blocks = PAGE.read_text().split("```python\n")[1:]
    tests = "\n\n".join(block.partition("```")[0] for block in blocks)
    (tmp_path / "test_filter.py").write_text(tests)
    (tmp_path / "filter.wasm").write_bytes(MARKS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "test_filter.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests.count('def test_')} passed" in done.stdout
