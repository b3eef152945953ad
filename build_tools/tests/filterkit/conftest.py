"""Filters written by a test, and a run of their scenarios."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lateen.filterkit.catalog import Filter, read_filter
from lateen.filterkit.scenarios.run import HOSTS, Result, run
from lateen.schema.binary import find_envoy

DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: lua
phase: UNSPECIFIED
failure_policy: FAIL_OPEN
config: {type: object, additionalProperties: false, properties: {value: {type: string}}}
"""

pytest.register_assert_rewrite("wasm_behaviour", "lua_behaviour")

MakeFilter = Callable[..., Filter]


@pytest.fixture
def make_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeFilter:
    """`make_filter(lua, scenarios)`: a Lua filter with one file of scenarios. What a failure keeps is the test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def make(lua: str, scenarios: str = "", description: str = DESCRIPTION) -> Filter:
        folder = tmp_path / "probe"
        (folder / "scenarios").mkdir(parents=True)
        (folder / "filter.yaml").write_text(description)
        (folder / "filter.lua").write_text(lua)
        if scenarios:
            (folder / "scenarios" / "all.yaml").write_text(scenarios)
        return read_filter(folder)

    return make


@pytest.fixture
def play(make_filter: MakeFilter) -> Callable[..., Result]:
    """`play(lua, scenarios)`: what came of the scenarios on each host that they list, or on `hosts`."""

    def run_there(lua: str, scenarios: str, hosts: Sequence[str] = HOSTS) -> Result:
        return run(make_filter(lua, scenarios), find_envoy(), hosts)

    return run_there
