"""The container engine of the integration tests: the machine's own if one answers, else a private one.

`python engine.py FOLDER` is the keeper of a private engine: it runs dockerd with everything in FOLDER until its
standard input ends, which is when the tests end, however that comes about; then it removes what the tests left in the
engine, stops it, and removes FOLDER. The interface docker0 and rules of iptables stay, as after any engine.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

from docker.errors import DockerException

from lateen.diagnostics import MeshError
from lateen.runtime.child import session, tail
from lateen.runtime.docker.engine import connect

INSTALL = "`make setup-docker` as root on Debian installs one; elsewhere install Docker, or set DOCKER_HOST"
START_SECONDS = 30.0
STOP_SECONDS = 30.0


class NoEngineError(Exception):
    """There is no engine, and none can be started; says why and what to do."""


@contextlib.contextmanager
def running_engine(say: Callable[[str], None]) -> Iterator[None]:
    """A block in which an engine answers where DOCKER_HOST says; `say` is told if that is a private one.

    Raises NoEngineError.
    """
    try:
        connect().close()
    except MeshError as error:
        absent = str(error)
    else:
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        raise NoEngineError(f"{absent}; {INSTALL}")
    say("no container engine answers: starting a private one")
    folder = Path(tempfile.mkdtemp(prefix="lateen-engine-"))
    with private_engine(folder) as address, _environment("DOCKER_HOST", address):
        yield


@contextlib.contextmanager
def private_engine(folder: Path) -> Iterator[str]:
    """The address of an engine that has everything in `folder` (whose path must be short) and takes it along.

    Raises NoEngineError.
    """
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    try:
        yield _started(folder)
    finally:
        keeper.communicate(timeout=3 * STOP_SECONDS)


def _started(folder: Path) -> str:
    address = f"unix://{folder}/docker.sock"
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and not (folder / "ended").exists():
        with contextlib.suppress(MeshError), _environment("DOCKER_HOST", address):
            connect().close()
            return address
        sleep(0.05)
    raise NoEngineError(f"dockerd did not start: {tail(folder / 'dockerd.log', 3)}")


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def keep(folder: Path) -> None:
    """Run dockerd until the end of standard input, or its own."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    address = f"unix://{folder}/docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "TERM", "--"),  # on SIGTERM it ends its containers
                *("dockerd", "--log-level=warn", f"--host={address}", f"--pidfile={folder}/docker.pid"),
                *(f"--data-root={folder}/data", f"--exec-root={folder}/exec"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while daemon.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    if daemon.poll() is not None:
        (folder / "ended").touch()
    with contextlib.suppress(MeshError, DockerException), _environment("DOCKER_HOST", address):
        _empty()
    _stop(daemon)
    _unmount(folder)
    sys.stdin.buffer.read()  # an engine that ended early has a log that the tests want to read
    shutil.rmtree(folder, ignore_errors=True)


def _empty() -> None:
    """Remove containers and networks: the engine would leave the latter's interfaces behind."""
    client = connect()
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    client.networks.prune()


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
    for process in session(daemon.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _unmount(folder: Path) -> None:
    """Detach what an engine that was killed has left mounted."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if mount.startswith(f"{folder}/")]):
        subprocess.run(["umount", "--lazy", mount], check=False)  # noqa: S607


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
