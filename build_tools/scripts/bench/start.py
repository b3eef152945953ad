"""How long the command line takes to answer, and the storefront to start and to end."""

from __future__ import annotations

import signal
import subprocess
import time
from statistics import median

from bench.commands import LATEEN, SCRIPTS, typical
from bench.report import Table, note

RUNS = 3
PATIENCE = 60
COMMAND = "make bench ARGS=start"
STOREFRONT = SCRIPTS.parents[1] / "envoy_configs" / "storefront"


def measure(runs: int = RUNS) -> list[Table]:
    """Seconds and seconds of CPU of `lateen --help`; seconds until the storefront is ready, and until it has ended."""
    answer = typical([LATEEN, "--help"], 3 * runs)
    note("start: lateen up storefront")
    ready, ended = zip(*(_up() for _ in range(runs)), strict=True)
    rows = (
        ("`lateen --help`", answer.seconds),
        ("its CPU", answer.cpu),
        ("`lateen up envoy_configs/storefront`, until it is ready", median(ready)),
        ("Ctrl-C, until every process has ended", median(ended)),
    )
    return [Table("Start", COMMAND, ("what", "seconds"), rows)]


def _up() -> tuple[float, float]:
    """It says where everything is once everything is ready."""
    begin = time.perf_counter()
    with subprocess.Popen([LATEEN, "up", str(STOREFRONT)], stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101 - for the type checker
        said = process.stdout.readline()
        ready = time.perf_counter()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        status = process.wait(PATIENCE)
    if not said or status:
        raise subprocess.CalledProcessError(status, process.args)
    return ready - begin, time.perf_counter() - ready
