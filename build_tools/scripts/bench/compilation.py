"""A cold `lateen compile` of one sidecar in generated meshes of several sizes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import meshes
from bench.commands import LATEEN, run, typical
from bench.report import Table, note
from bench.stages import STAGES

SIZES = (100, 1000, 5000)
RUNS = 3
CLIENT = "client.bench"
COMMAND = "make bench ARGS=compile"


def measure(sizes: Sequence[int] = SIZES, runs: int = RUNS) -> list[Table]:
    """Time, memory and output by size; and where the time goes."""
    whole: list[tuple[str | float, ...]] = []
    parts: list[tuple[str | float, ...]] = []
    for size in sizes:
        note(f"compile: {size} services")
        with TemporaryDirectory() as folder:
            text = meshes.services(size)
            Path(folder, "mesh-of-services.yaml").write_text(text)
            used = typical([LATEEN, "compile", folder, "--proxy", CLIENT], runs)
            stages = [_stages(folder) for _ in range(runs)]
        whole.append((str(size), len(text) / 1e6, used.seconds, used.cpu, used.peak, len(used.output) / 1e6))
        parts.append((str(size), *(1000 * median(taken[stage] for taken in stages) for stage in STAGES)))
    return [
        Table(
            "Cold compile of one sidecar",
            COMMAND,
            ("services", "input, MB", "seconds", "seconds of CPU", "peak memory, MB", "output, MB"),
            tuple(whole),
        ),
        Table("Cold compile: milliseconds of CPU by stage", COMMAND, ("services", *STAGES), tuple(parts)),
    ]


def _stages(folder: str) -> dict[str, float]:
    taken: dict[str, float] = json.loads(run([sys.executable, "-m", "bench.stages", folder, CLIENT]).output)
    return taken
