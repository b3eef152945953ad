"""The benchmarks that start Envoys run, at their smallest size; nothing is asked of their figures."""

from __future__ import annotations

import shutil

from bench import data_plane, operations, reload, start
from bench.sidecars import NAMES

from harness import lacking


def test_the_data_plane_is_measured_on_every_way() -> None:
    if shutil.which("h2load") is None:
        lacking("h2load is missing: make setup-bench")
    (table,) = data_plane.measure(starts=1, rounds=1, requests=200)
    assert tuple(row[0] for row in table.rows) == NAMES
    for _, *_, p50, p99 in table.rows:
        assert 0 < p50 <= p99


def test_the_classifier_is_measured_with_each_number_of_templates() -> None:
    if shutil.which("h2load") is None:
        lacking("h2load is missing: make setup-bench")
    (table,) = operations.measure(rounds=1, load=200, templates=(10, 100))
    assert tuple(row[0] for row in table.rows) == ("none", "10 templates", "100 templates")


def test_reload_is_measured_until_the_last_envoy_has_it() -> None:
    (table,) = reload.measure(((2, True),), edits=1)
    (row,) = table.rows
    assert row[0] == "2, Envoys"


def test_the_start_of_the_storefront_and_its_end_are_measured() -> None:
    (table,) = start.measure(runs=1)
    assert all(seconds > 0 for _, seconds in table.rows)
