"""The fuzzer finds what it should, and says how to see it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import wat
from lateen.diagnostics import MeshError
from lateen.filterkit import fuzz as fuzzing
from lateen.filterkit.catalog import Filter, catalog
from lateen.filterkit.fuzz import BATCH, fuzz
from lateen.filterkit.host.abi import Status
from lateen.filterkit.host.driver import Driver
from lateen.filterkit.host.machine import compiled
from lateen.filterkit.host.world import World
from lateen.filterkit.module import PAGE
from lateen.filterkit.scenarios.in_process import Refusal, start
from lateen.filterkit.scenarios.read import UPSTREAM, read_scenarios

MakeFilter = Callable[..., Filter]

SCENARIO = """\
name: one
hosts: [inprocess, envoy]
request: {headers: [[":method", POST], [":path", /], [":authority", a.example], [x-key, abc]], body: [abc]}
expect: {}
"""
FRAGILE = """\
function envoy_on_request(handle)
  local key = handle:headers():get("x-key")
  if key and #key ~= 3 then error("not three") end
end
"""
SEED = 20261126


@pytest.mark.parametrize("name", [name for name, suite in catalog().items() if suite.kind != "native"])
def test_no_filter_of_the_suite_fails_on_a_share_of_the_inputs(name: str) -> None:
    result = fuzz(catalog()[name], SEED, 200)
    assert result.failures == ()
    assert result.memory < 8 * 1024 * 1024


@pytest.mark.parametrize("name", [name for name, suite in catalog().items() if suite.kind == "wasm"])
def test_no_module_traps_when_a_function_of_the_host_fails_from_its_start_on(name: str) -> None:
    """Each function that the module imports answers each kind of failure, while it is configured and in a request."""
    suite = catalog()[name]
    scenarios, _ = read_scenarios(suite)
    scenario = next(one for one in scenarios if one.exchanges)
    exchange = scenario.exchanges[0]
    imports = [wanted.name or "" for wanted in compiled(suite.module()).imports if wanted.module == "env"]
    assert imports
    for function in imports:
        for status in (Status.NOT_FOUND, Status.BAD_ARGUMENT, Status.INVALID_MEMORY_ACCESS, Status.INTERNAL_FAILURE):
            world = World(None, (UPSTREAM, *(answer.cluster for answer in exchange.answers)))
            said = ""
            try:
                attach = start(suite, scenario.config, world, {function: status})
                Driver(attach, world, scenario.direction).together((exchange,))
            except Refusal as refusal:
                said = str(refusal)
            traps = [line for line in (*world.logs, said) if "Function:" in line]
            assert traps == [], f"{function} answers {status.name}"


def test_a_script_that_ends_in_an_error_is_found_and_found_again(make_filter: MakeFilter) -> None:
    """LAT0618."""
    suite = make_filter(FRAGILE, SCENARIO)
    result = fuzz(suite, SEED, 300)
    first = result.failures[0]
    assert "not three" in first.problem
    assert first.alone
    finding = next(iter(result.findings(suite)))
    assert finding.code == "LAT0618"
    assert finding.hint == f"lateen filters fuzz {suite.argument} --seed {SEED} --from {first.number} --inputs 1"
    assert fuzz(suite, SEED, 1, first.number).failures == (first,)


@pytest.mark.parametrize(
    ("callbacks", "problem"),
    [
        ({"on_request_body": "(if (local.get 2) (then (unreachable))) (i32.const 0)"}, "proxy_on_request_body failed"),
        ({"on_request_headers": "(loop $l (br $l)) (i32.const 0)"}, "fuel"),
        (
            {
                "on_request_headers": """
                (if (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 4)) (then (unreachable)))
                (i32.const 0)"""
            },
            "proxy_on_request_headers failed",
        ),
    ],
)
def test_a_module_that_traps_or_loops_is_found(
    make_filter: MakeFilter, monkeypatch: pytest.MonkeyPatch, callbacks: dict[str, str], problem: str
) -> None:
    monkeypatch.setattr("lateen.filterkit.host.machine.INSTRUCTIONS", 1_000_000)
    suite = _module(make_filter, wat.module(callbacks))
    result = fuzz(suite, SEED, 300)
    assert problem in result.failures[0].problem


def test_a_failure_that_needs_those_before_it_says_so(make_filter: MakeFilter) -> None:
    suite = make_filter(
        "local n = 0 function envoy_on_request() n = n + 1 if n == 90 then error('90') end end", SCENARIO
    )
    (failure, *_) = fuzz(suite, SEED, 200).failures
    assert (failure.number, failure.alone) == (89, False)
    assert next(iter(fuzz(suite, SEED, 200).findings(suite))).hint.endswith("--from 0 --inputs 90")


def test_a_module_without_memory_left_is_no_failure(make_filter: MakeFilter) -> None:
    grow = "(if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable))) (i32.const 0)"
    suite = _module(make_filter, wat.module({"on_request_headers": grow}))
    assert fuzz(suite, SEED, 20, 9 * BATCH).failures == ()
    assert fuzz(suite, SEED, 20, 9 * BATCH).memory <= fuzzing.SMALL_MEMORY


def test_several_processes_find_the_same(make_filter: MakeFilter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "BATCH", 50)
    suite = make_filter(FRAGILE, SCENARIO)
    one, two = fuzz(suite, SEED, 100, 0, 1), fuzz(suite, SEED, 100, 0, 2)
    assert one.failures == two.failures != ()


def test_a_filter_that_takes_no_configuration_cannot_be_fuzzed(make_filter: MakeFilter) -> None:
    """LAT0619."""
    suite = make_filter("error('no')", "name: one\nhosts: [inprocess]\nrefused: 'no'\n")
    with pytest.raises(MeshError) as raised:
        fuzz(suite, SEED, 1)
    assert [finding.code for finding in raised.value.diagnostics] == ["LAT0619"]


def test_scenarios_that_are_broken_are_told_where_there_are_no_others(make_filter: MakeFilter) -> None:
    with pytest.raises(MeshError) as raised:
        fuzz(make_filter("", SCENARIO.replace("request", "requests")), SEED, 1)
    assert {finding.code for finding in raised.value.diagnostics} == {"LAT0603"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_filter_that_does_not_start_is_told_at_the_scenario(make_filter: MakeFilter, jobs: int) -> None:
    """LAT0617."""
    suite = make_filter("function", SCENARIO)
    with pytest.raises(MeshError) as raised:
        fuzz(suite, SEED, 2 * BATCH, 0, jobs)
    [finding] = raised.value.diagnostics
    assert (finding.code, Path(finding.origin.file).parent) == ("LAT0617", suite.directory / "scenarios")
    assert "one: probe does not start: script load error" in finding.message


def test_a_module_that_starts_with_more_than_the_small_memory_is_no_failure(make_filter: MakeFilter) -> None:
    two_pages, many = b"\x05\x03\x01\x00\x02", b"\x05\x03\x01\x00\x40"
    suite = _module(make_filter, wat.module({}).replace(two_pages, many))
    assert fuzz(suite, SEED, 20).memory == 64 * PAGE
    result = fuzz(suite, SEED, 20, 9 * BATCH - 5)
    assert (result.inputs, result.failures) == (5, ())


def _module(make_filter: MakeFilter, module: bytes) -> Filter:
    """A filter of kind wasm whose folder says so too, because batches read it anew."""
    suite = make_filter("", SCENARIO)
    description = suite.directory / "filter.yaml"
    description.write_text(
        Path(description).read_text().replace("kind: lua", "kind: wasm").replace("FAIL_OPEN", "FAIL_RELOAD")
    )
    (suite.directory / "probe.wasm").write_bytes(module)
    return replace(suite, kind="wasm")
