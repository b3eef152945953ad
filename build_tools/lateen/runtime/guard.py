"""What cleans up after a supervisor that was killed.

`python -m lateen.runtime.guard BASE RUN` waits until its standard input ends, which is when the supervisor ends,
however that comes about. Then it ends what still carries the mark of the run and removes the run's folder. The kernel
has killed the direct children by then; this is for what those had started, and for files.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class Guard:
    """The guard of a run, while the block lasts. It carries no mark and ignores the terminal's signals."""

    def __init__(self, root: Path) -> None:
        """Watch over the run whose folder is `root`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lateen.runtime.guard", str(root.parent), root.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Dismiss it: the supervisor has cleaned up itself."""
        self._process.kill()
        self._process.communicate()


def main(base: str, run: str) -> None:
    """Wait for the end of standard input, then remove what is left of the run."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    from lateen.runtime.leftovers import reclaim  # noqa: PLC0415 - only when there is something to do

    reclaim(Path(base), run)


if __name__ == "__main__":
    main(*sys.argv[1:])
