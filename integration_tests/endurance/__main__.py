"""`python -m endurance --seconds 1800`: run a soak, print what it showed; exit 1 if something failed or grew."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from endurance.soak import Report, soak
from lateen.diagnostics import MeshError
from lateen.runtime.supervisor import Options


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="endurance", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long (default 1800)")
    parser.add_argument("--runtime", choices=("process", "docker"), default="process", help="where (default process)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        try:
            report = soak(given.seconds, Path(folder), Options(runtime=given.runtime, base=Path(folder) / "runs"))
        except MeshError as error:
            parser.error(str(error))
    sys.stdout.write("".join(f"{line}\n" for line in lines(report)))
    return 0 if report.held else 1


def lines(report: Report) -> Iterator[str]:
    """What it showed, for people."""
    yield f"{report.seconds:.0f} s, {report.edits.total()} edits {dict(report.edits)}"
    yield f"{report.calls.total()} calls {dict(report.calls)}, {report.failed} failed"
    yield f"{report.renewals} certificates renewed per proxy, at most {report.disk / 1e6:.1f} MB of files"
    for level in report.levels:
        yield f"  {'ok  ' if level.flat else 'GREW'} {level}"
    yield from (f"  {text}" for text in (*report.failures, *report.incidents))


if __name__ == "__main__":
    sys.exit(main())
