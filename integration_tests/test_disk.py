"""Disks that are full or read-only: one clear error, nothing half-written, and a mesh that runs goes on."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from harness import eventually, find_processes
from lateen.runtime.state import find_runs
from meshes import deployment, documents, save, service, virtual_service, write

LATEEN = str(Path(sys.executable).with_name("lateen"))
MOUNT = 'mount -t tmpfs -o "$1" lateen "$2" || exit 9; shift 2; exec "$@"'
LIST = """
"$@"
code=$?
find "$0" -mindepth 1 -not -name logs -not -name .lateen -not -path "*/logs/*" -printf 'left: %P\\n'
exit $code
"""


def on_disk(disk: Path, options: str, *command: str) -> subprocess.Popen[str]:
    """Start a command that alone sees a file system at `disk`, mounted with `options`; it goes with the command."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs a mount namespace of its own (root, or CAP_SYS_ADMIN)")
    disk.mkdir()
    argv = [unshare, "--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh", options, str(disk), *command]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(disk: Path, options: str, *command: str) -> tuple[int, str, list[str]]:
    """Exit code and errors of a lateen command with that disk, and what it left there, logs aside."""
    process = on_disk(disk, options, "sh", "-c", LIST, str(disk), LATEEN, *command)
    out, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    return process.returncode, errors, [line for line in out.splitlines() if line.startswith("left: ")]


@pytest.fixture
def mesh(directory: Path) -> Path:
    """`web` calls `reviews`."""
    objects = documents(deployment("web"), service("web"), deployment("reviews"), service("reviews"))
    return write(directory, workloads=objects, routes=documents(virtual_service("reviews", timeout="10s")))


@pytest.mark.parametrize("options", ["ro", "mode=700,size=4k", "mode=700,size=64k", "mode=700,size=2m"])
def test_up_needs_a_state_directory_with_room(mesh: Path, tmp_path: Path, options: str) -> None:
    disk = tmp_path / "disk"
    code, errors, left = ended(disk, options, "up", str(mesh), "--state-dir", str(disk))
    assert code == 2
    assert errors.startswith("lateen: LAT0738 error: ")
    assert str(disk) in errors
    assert "1 error;" in errors
    assert left == []


@pytest.mark.parametrize(
    ("options", "reason"), [("ro", "Read-only file system"), ("size=64k", "No space left on device")]
)
def test_compile_writes_all_files_or_none(mesh: Path, tmp_path: Path, options: str, reason: str) -> None:
    disk = tmp_path / "disk"
    code, errors, left = ended(
        disk, options, "compile", str(mesh), "--place", "192.0.2.0/24", "--out", f"{disk}/new/out"
    )
    assert code == 2
    assert errors.splitlines()[-1].endswith(f": {reason}")
    assert str(disk) in errors
    assert left == []


@dataclass
class Up:
    """A running `lateen up` with its state directory on a disk of its own."""

    process: subprocess.Popen[str]
    said: list[str]
    disk: Path
    """As the test sees it."""

    def says(self, text: str, position: int = 0) -> Callable[[], bool]:
        """Whether a line from `position` on has that text."""
        return lambda: any(text in line for line in self.said[position:])


@contextmanager
def running(mesh: Path, disk: Path, options: str) -> Iterator[Up]:
    """Run a mesh until the block ends; then it must end by itself, and leave nothing."""
    process = on_disk(disk, options, LATEEN, "up", str(mesh), "--state-dir", str(disk))
    up = Up(process, [], Path(f"/proc/{process.pid}/root{disk}"))
    assert process.stderr is not None
    reader = Thread(target=up.said.extend, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        eventually(lambda: any(run.addresses for run in find_runs(up.disk)), 60)
        yield up
    finally:
        process.terminate()
        assert process.wait(30) == 0, up.said
        reader.join(5)


def test_a_disk_that_fills_up_is_told_and_does_not_stop_the_mesh(mesh: Path, tmp_path: Path) -> None:
    with running(mesh, tmp_path / "disk", "mode=700,size=24m") as up:
        filler = up.disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        eventually(up.says("LAT0740"))
        save(mesh / "routes.yaml", documents(virtual_service("reviews", timeout="11s")))
        eventually(up.says("generation 2:"))
        run = find_runs(up.disk)[0]
        [control_plane] = find_processes("lateen.deliver.control_plane", f"{tmp_path}/disk/{run.id}")
        os.kill(control_plane, signal.SIGKILL)
        eventually(up.says("control-plane was started again"), 20)
        filler.unlink()
        position, seconds = len(up.said), itertools.count(12)

        def taken() -> bool:
            """What is saved before it looks for the first time is its first generation, which is no news."""
            save(mesh / "routes.yaml", documents(virtual_service("reviews", timeout=f"{next(seconds)}s")))
            sleep(0.5)
            return up.says("resources changed", position)()

        eventually(taken, 20)
    assert not any("Traceback" in line for line in up.said)
