"""The tests' own engine leaves nothing, however the tests end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

import pytest

from engine import INSTALL, private_engine

TESTS = """\
import os, sys
from engine import running_engine
from lateen.runtime.docker.engine import connect
from lateen.runtime.docker.images import Images

with running_engine(print):
    client = connect()
    network = client.networks.create("left")
    client.containers.run(
        Images(client).init(), ["-c", "read -r x"], entrypoint="/bin/sh", stdin_open=True, detach=True, network="left"
    )
    print(os.environ["DOCKER_HOST"], network.id[:12], flush=True)
    sys.stdin.read()
"""


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason=f"a private engine needs root and dockerd; {INSTALL}"
)


@needs_root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, None], ids=["interrupted", "killed", "ended"])
def test_a_private_engine_leaves_nothing(number: signal.Signals | None) -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere.sock", "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", TESTS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        assert "starting a private one" in tests.stdout.readline()
        address, network = tests.stdout.readline().split()
        folder = Path(address.removeprefix("unix://")).parent
        assert left(folder, network)
        if number is not None:
            tests.send_signal(number)
    deadline = monotonic() + 60
    while left(folder, network) and monotonic() < deadline:
        sleep(0.1)
    assert left(folder, network) == []


@pytest.mark.parametrize("ci", [False, True])
def test_without_an_engine_tests_are_skipped_but_not_in_ci(ci: bool, tmp_path: Path) -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere.sock", "PATH": str(tmp_path), "CI": "1" if ci else ""}
    tests = [str(Path(__file__).parent / "test_images.py"), "-k", "built_once and init"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "tests"), *tests]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "LAT0730" in done.stdout, done.stdout
    assert INSTALL in done.stdout
    assert ("1 error" if ci else "1 skipped") in done.stdout
    assert done.returncode == int(ci)


@needs_root
def test_an_engine_without_space_is_one_clear_error() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lateen-engine-"))
    (folder / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder / "data"], check=True)  # noqa: S607
    with private_engine(folder) as address:

        def lateen(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", "import sys; from lateen.cli import main; sys.exit(main())", *arguments]
            environment = {**os.environ, "DOCKER_HOST": address}
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        refused = lateen("image", "envoy")
        assert refused.returncode == 2
        assert refused.stderr.count("LAT0732 error") == 1
        assert "no space left on device" in refused.stderr
        assert lateen("image", "list").stdout == ""
        assert lateen("image", "init").returncode == 0
    assert not folder.exists()


def left(folder: Path, network: str) -> list[str]:
    """Files, mounts, processes and interfaces of the private engine."""
    found = [str(folder)] if folder.exists() else []
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{folder}/" in line]
    found += [link.name for link in Path("/sys/class/net").iterdir() if network in link.name]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().decode(errors="replace")
        except OSError:  # it ended
            continue
        found += [command] if str(folder) in command else []
    return found
