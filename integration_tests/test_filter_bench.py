"""`lateen filters bench` on real Envoys, at its smallest size; nothing is asked of its figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench import filters

from harness import lacking
from lateen.cli import main
from lateen.cli.filters import choose
from lateen.filterkit.bench.load import tool
from lateen.filterkit.catalog import catalog, read_filter

SMALLEST = ("--rounds", "1", "--requests", "100")
DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: lua
phase: AUTHZ
failure_policy: FAIL_OPEN
config: {type: object}
"""
LUA = """\
function envoy_on_request(handle)
  local length = handle:body():length()
  local asked = {[":method"] = "GET", [":path"] = "/", [":authority"] = "a"}
  local headers = handle:httpCall("authorizer", asked, "", 1000)
  if headers["x-allowed"] ~= "yes" or length ~= 5 then
    handle:respond({[":status"] = "403"}, "")
  end
end
"""
PLAN = """\
request: {headers: [[":method", PUT], [":path", /orders?id=1], [x-tenant, acme]], body: hello}
clusters: {authorizer: {headers: [[x-allowed, "yes"]]}}
"""


@pytest.fixture(autouse=True)
def _needs_h2load() -> None:
    if not tool():
        lacking("h2load is missing: make setup-bench")


@pytest.mark.parametrize("name", catalog())
def test_every_filter_of_the_suite_can_be_measured(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "bench", name, *SMALLEST, "-o", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    [row] = printed["filters"]
    assert row["name"] == name
    for way in row["ways"]:
        assert way["cpu_us"] > 0
        assert 0 < way["p50_us"] <= way["p99_us"]
        assert way["resident_kb"] > 10_000


def test_a_filter_with_a_body_and_a_callout_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "probe"
    folder.mkdir()
    for file, text in (("filter.yaml", DESCRIPTION), ("filter.lua", LUA), ("bench.yaml", PLAN)):
        (folder / file).write_text(text)
    suite = replace(read_filter(folder), budget={"microseconds": 1e-6})
    monkeypatch.setattr(choose, "chosen", lambda _names: [suite])
    assert main(["filters", "bench", *SMALLEST]) == 0
    assert main(["filters", "bench", *SMALLEST, "--check"]) == 1
    assert "LAT0673" in capsys.readouterr().out

    (folder / "bench.yaml").write_text(PLAN.replace('"yes"', '"no"'))
    assert main(["filters", "bench", *SMALLEST]) == 1
    assert "LAT0672 error: probe: answers with 403 instead of 200" in capsys.readouterr().out

    (folder / "filter.lua").write_text("function envoy_on_request(")
    assert main(["filters", "bench", *SMALLEST]) == 1
    assert "LAT0672" in capsys.readouterr().out


def test_the_part_of_make_bench_has_a_row_for_each_way() -> None:
    (table,) = filters.measure_all(rounds=1, requests=100)
    assert [row[1] for row in table.rows if row[0] == "tenant_context"] == ["no filter", "empty", "filter", "native"]
