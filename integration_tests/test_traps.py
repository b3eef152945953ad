"""What becomes of requests when a module traps, by failure policy: on a real Envoy and in this process alike."""

from __future__ import annotations

from pathlib import Path

import pytest

import wat
from lateen.filterkit.catalog import read_filter
from lateen.filterkit.scenarios.run import run
from lateen.schema.binary import find_envoy

TRAPS_AT_T = """
(drop (call $proxy_get_header_map_value (i32.const 0) {path} (i32.const 0) (i32.const 4)))
(if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 116)) (then (unreachable)))
(drop (call $proxy_add_header_map_value (i32.const 0) {mark} {mark}))
(i32.const 0)"""

SEEN = "{request_headers: {x-mark: x-mark}}"
FAILS = "{fails: true}"
BYPASSED = "{request_headers: {x-mark: null}}"
LATER = "sleep"

# Envoy loads a module anew a second after it did last at the earliest, and up to half a second later.
STEPS = {
    "FAIL_RELOAD": [
        (LATER, "1.6s"),
        ("/ok", SEEN),
        ("/trap", FAILS),
        ("/ok", SEEN),
        ("/trap", FAILS),
        ("/ok", FAILS),
        (LATER, "1.6s"),
        ("/ok", SEEN),
    ],
    "FAIL_CLOSED": [("/ok", SEEN), ("/trap", FAILS), ("/ok", FAILS), (LATER, "1.6s"), ("/ok", FAILS)],
    "FAIL_OPEN": [("/ok", SEEN), ("/trap", FAILS), ("/ok", BYPASSED), (LATER, "1.6s"), ("/ok", BYPASSED)],
}


@pytest.mark.parametrize("policy", STEPS)
def test_a_module_that_traps(policy: str, tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "filter.yaml").write_text(
        f"name: probe\nsummary: Traps.\nkind: wasm\nphase: AUTHZ\nfailure_policy: {policy}\nconfig: {{type: object}}\n"
    )
    texts = {"path": ":path", "mark": "x-mark"}
    (folder / "probe.wasm").write_bytes(wat.module({"on_request_headers": TRAPS_AT_T}, texts))
    (folder / "scenarios" / "trap.yaml").write_text(
        "name: traps\nhosts: [inprocess, envoy]\nsteps:\n" + "\n".join(_step(*step) for step in STEPS[policy]) + "\n"
    )
    result = run(read_filter(folder), find_envoy())
    assert [f"{finding.origin.line}: {finding.message}" for finding in result.findings] == []
    assert result.count("passed") == 2


def _step(path: str, what: str) -> str:
    if path == LATER:
        return f"- sleep: {what}"
    return f'- request: {{headers: [[":method", GET], [":path", {path}], [":authority", a.example]]}}\n  expect: {what}'
