"""The benchmarks run: each at its smallest size, and nothing is asked of their figures. Those with Envoys are tested
in `integration_tests/test_bench.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench import compilation, meshes, reload, sizes
from bench.commands import ENVIRONMENT, run
from bench.report import Table, renew
from bench.stages import STAGES

import lateen


def test_compiling_is_measured_as_a_whole_and_by_stage() -> None:
    whole, stages = compilation.measure((2,), runs=1)
    (row,) = whole.rows
    assert row[0] == "2"
    assert all(isinstance(figure, float) and figure > 0 for figure in row[1:])
    assert stages.columns == ("services", *STAGES)


def test_the_generated_mesh_has_what_its_description_says() -> None:
    mesh = lateen.load(lateen.Source(meshes.services(3), "mesh.yaml"))
    assert len(mesh.services) == len(mesh.http_routes) == len(mesh.destination_rules) == 3
    assert {len(found) for found in mesh.endpoints.values()} == {10}
    assert [proxy.name for proxy in mesh.proxies()] == ["client"]


def test_reload_is_measured_until_the_last_simulated_sidecar_has_it() -> None:
    (table,) = reload.measure(((2, False),), edits=1)
    (row,) = table.rows
    assert row[0] == "2, simulated"
    compiled, acknowledged = row[1:3]
    assert 0 < compiled <= acknowledged


def test_modules_are_within_their_budgets() -> None:
    (table,) = sizes.measure()
    assert table.rows
    for _, size, zipped, budget in table.rows:
        assert zipped < size <= budget


def test_a_command_that_fails_gives_no_figures() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_part_is_run_by_name_and_its_figures_are_kept(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bench", "sizes", "--out", str(tmp_path / "b.json")]
    printed = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    assert "| peer_metadata |" in printed
    (table,) = json.loads((tmp_path / "b.json").read_text())["tables"]
    assert table["command"] == "make bench ARGS=sizes"


def test_an_unknown_part_is_refused() -> None:
    argv = [sys.executable, "-m", "bench", "speed"]
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no part speed" in done.stderr


def test_new_figures_replace_the_old_ones_on_the_page_and_nothing_else() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "benchmarks.md").read_text()
    table = Table("Title", "make bench ARGS=sizes", ("what", "bytes"), (("a", 12345.0), ("b", 0.126)))
    new = renew(page, "Measured on nothing.", [table])
    assert "| a | 12345 |\n| b | 0.13 |" in new
    assert renew(new, "Measured on nothing.", [table]) == new
    assert new.partition("<!--")[0] == page.partition("<!--")[0]
    assert new.rpartition("-->")[2] == page.rpartition("-->")[2]
