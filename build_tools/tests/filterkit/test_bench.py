"""`bench.yaml` as a value, and what a measurement says of its rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.cli.filters import choose
from lateen.diagnostics import Severity
from lateen.filterkit.bench import Figures, Measurement, Plan, read_plan
from lateen.filterkit.bench.ways import EMPTY, FILTER, NATIVE, NONE, ways
from lateen.filterkit.catalog import Filter, catalog
from lateen.schema import Schema

BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap"
MakeFilter = Callable[..., Filter]
FIGURES = Figures(1.0, 1.0, 1.0, 1, 1.0)


def test_the_plan_of_every_filter_of_the_suite_holds() -> None:
    found = {name: read_plan(suite) for name, suite in catalog().items()}
    assert {name: findings for name, (_, findings) in found.items() if findings} == {}


def test_a_filter_that_needs_nothing_is_measured_without_a_plan(make_filter: MakeFilter) -> None:
    assert read_plan(make_filter("")) == (Plan(), [])


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("request: {headers: [[a]]}\n", 1, "has less than 2 items"),
        ("request:\n  heders: []\n", 2, "'heders' was unexpected"),
        ("config: {value: 7}\n", 1, "config: value: 7 is not of type"),
        ("native: []\n", 1, "has less than 1 item"),
        ("", 0, "one document"),
    ],
)
def test_a_broken_plan_is_a_finding_at_its_place(make_filter: MakeFilter, text: str, line: int, problem: str) -> None:
    suite = make_filter("")
    (suite.directory / "bench.yaml").write_text(text)
    plan, [finding] = read_plan(suite)
    assert plan is None
    assert (finding.code, finding.origin.line) == ("LAT0671", line)
    assert problem in finding.message


def test_a_filter_that_needs_a_configuration_cannot_be_measured_without_a_plan(make_filter: MakeFilter) -> None:
    suite = replace(make_filter(""), config_schema={"type": "object", "required": ["value"]})
    plan, [finding] = read_plan(suite)
    assert plan is None
    assert (finding.code, finding.severity) == ("LAT0674", Severity.WARNING)
    assert "needs a configuration, and has no bench.yaml" in finding.message


def test_check_fails_if_nothing_says_how_a_filter_is_measured(
    make_filter: MakeFilter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = replace(make_filter(""), config_schema={"type": "object", "required": ["value"]})
    monkeypatch.setattr(choose, "chosen", lambda _names: [suite])
    monkeypatch.setattr("lateen.filterkit.bench.load.tool", lambda: "h2load")
    assert main(["filters", "bench"]) == 0
    assert "LAT0674 warning" in capsys.readouterr().out
    assert main(["filters", "bench", "--check"]) == 1
    assert "LAT0674 error" in capsys.readouterr().out


@pytest.mark.parametrize("name", catalog())
def test_the_ways_differ_in_the_filter_before_the_router_only(name: str, tmp_path: Path) -> None:
    suite = catalog()[name]
    plan, _ = read_plan(suite)
    assert plan
    found = ways(suite, plan, dict.fromkeys(plan.clusters, 1), tmp_path)
    assert set(found) - {NATIVE} == ({NONE, EMPTY, FILTER} if suite.kind != "native" else {NONE, FILTER})
    assert (NATIVE in found) is bool(plan.native)
    rest = []
    for config in found.values():
        assert Schema.default().validate(BOOTSTRAP, config) == []
        [listener] = config["static_resources"]["listeners"]
        filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        del filters[:-1]
        rest.append(config)
    assert all(config == rest[0] for config in rest)


def test_a_request_that_is_denied_is_compared_with_the_same_answer(make_filter: MakeFilter, tmp_path: Path) -> None:
    found = ways(make_filter(""), Plan(status=403), {}, tmp_path)
    assert all("'status': 403" in str(config) for config in found.values())


def test_differences_are_taken_round_by_round() -> None:
    found = Measurement("probe", {}, {f"{FILTER} - {NONE}": (9.0, 12.0, 10.0), f"{EMPTY} - {NONE}": (5.0, 4.0, 5.0)})
    assert found.above(NONE) == 10.0
    assert found.above(EMPTY) is None
    assert found.ratio(EMPTY) == 2.0
    assert found.ratio(NATIVE) is None


@pytest.mark.parametrize(("budget", "code"), [({"microseconds": 4.0}, 0), ({"microseconds": 2.9}, 1), ({}, 1)])
def test_check_fails_over_the_budget_and_without_one(
    budget: dict[str, float],
    code: int,
    make_filter: MakeFilter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The judgement alone: what is measured stands in for a measurement."""
    suite = replace(make_filter(""), budget=budget)
    found = Measurement("probe", {FILTER: FIGURES}, {f"{FILTER} - {EMPTY}": (3.0, 2.0, 8.0)})
    monkeypatch.setattr(choose, "chosen", lambda _names: [suite])
    monkeypatch.setattr("lateen.filterkit.bench.load.tool", lambda: "h2load")
    monkeypatch.setattr("lateen.filterkit.bench.measure", lambda *_: found)
    assert main(["filters", "bench"]) == 0
    assert main(["filters", "bench", "--check"]) == code
    printed = capsys.readouterr().out
    assert ("LAT0673" in printed, "LAT0674" in printed) == (bool(budget) and code == 1, not budget)


def test_without_h2load_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert main(["filters", "bench", "tenant_context"]) == 2
    assert "LAT0670" in capsys.readouterr().err
