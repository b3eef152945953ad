"""Running a command to its end, and what that took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile

SCRIPTS = Path(__file__).resolve().parents[1]
LATEEN = str(Path(sys.executable).with_name("lateen"))
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SCRIPTS)}
"""For children that run a module of this package."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took: seconds on the clock, seconds of CPU, peak resident memory in MB; and what it printed."""

    seconds: float
    cpu: float
    peak: float
    output: bytes


def run(argv: Sequence[str]) -> Usage:
    """Run a command. Raises CalledProcessError if it does not exit with 0."""
    with TemporaryFile() as output:  # a pipe would make the command wait for its reader
        start = time.perf_counter()
        process = subprocess.Popen(argv, stdout=output, env=ENVIRONMENT)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, argv)
        output.seek(0)
        return Usage(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.read())


def typical(argv: Sequence[str], runs: int) -> Usage:
    """The medians of several runs."""
    done = [run(argv) for _ in range(runs)]
    return Usage(
        median(u.seconds for u in done), median(u.cpu for u in done), median(u.peak for u in done), done[0].output
    )
