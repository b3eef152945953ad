"""What each filter of the suite costs, beside no filter, an empty one, and Envoy's own where it has one."""

from __future__ import annotations

from bench.report import Table, note
from lateen.filterkit.bench import Figures, Measurement, measure, read_plan
from lateen.filterkit.bench.measure import REQUESTS, ROUNDS
from lateen.filterkit.bench.ways import EMPTY, NONE
from lateen.filterkit.catalog import catalog
from lateen.schema.binary import find_envoy

COMMAND = "make bench ARGS=filters"


def measure_all(rounds: int = ROUNDS, requests: int = REQUESTS) -> list[Table]:
    """A row for each way of each filter that says how it is measured."""
    rows: list[tuple[str | float, ...]] = []
    for suite in catalog().values():
        plan, _ = read_plan(suite)
        if plan is not None:
            found = measure(suite, plan, find_envoy(), rounds, requests, note)
            rows += (_row(found, way, figures) for way, figures in found.ways.items())
    columns = (
        "filter",
        "way",
        "CPU, us",
        "above no filter, us",
        "above empty, us",
        "p50, us",
        "p99, us",
        "resident, MB",
        "each worker, MB",
    )
    return [Table("Filters: CPU per request, latency and memory", COMMAND, columns, tuple(rows))]


def _row(found: Measurement, way: str, figures: Figures) -> tuple[str | float, ...]:
    above = (0.0 if way == base else found.above(base, way) for base in (NONE, EMPTY))
    differences = ("" if value is None else value for value in above)
    memory = (figures.resident / 1024, figures.per_worker / 1024)
    return (found.filter, way, figures.cpu, *differences, figures.p50, figures.p99, *memory)
