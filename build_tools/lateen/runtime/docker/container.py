"""One container of a run, supervised as a process is."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING, Any

from lateen.runtime.child import tail
from lateen.runtime.docker.engine import LABEL, reason

if TYPE_CHECKING:
    from docker import DockerClient

RUN_LABEL = "lateen.run"
"""The label with the id of the run that a container or network belongs to."""

ROOT_LABEL = "lateen.root"
"""The label with the folder of that run."""

_REMOVAL_SECONDS, _STEP = 10.0, 0.05

_SIGNALLED = 128
"""What a container's exit code is above when a signal ended its first process."""


def labels(kind: str, run: str, root: Path) -> dict[str, str]:
    """What marks a container or network of a run, so that it is found whatever becomes of the run."""
    return {LABEL: kind, RUN_LABEL: run, ROOT_LABEL: str(root)}


class Container:
    """A started container. Its output goes to the end of `log`."""

    def __init__(self, client: DockerClient, name: str, image: str, log: Path, options: Mapping[str, Any]) -> None:
        """Create and start it, in the place of one of that name. `options` are those of the SDK's `containers.create`.

        Raises OSError if that fails.
        """
        self.log = log
        self._client = client
        self._name = name
        self._code: int | None = None
        self._ended = threading.Event()
        with system_errors(name):
            remove(client, name)
            self._container = client.containers.create(image, name=name, detach=True, **options)
            output = self._container.attach(stream=True, logs=True, stdout=True, stderr=True)
            threading.Thread(target=self._follow, args=(output,), name=f"log of {name}", daemon=True).start()
            self._container.start()

    @property
    def id(self) -> str:
        """The engine's id of it."""
        return str(self._container.id)

    @property
    def stdout(self) -> IO[bytes]:
        """No container's output is a stream of events."""
        raise ValueError("a container has no pipe")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.is_set()

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with exit status 0."""
        return self._ended.is_set() and self._code == 0

    @property
    def status(self) -> str:
        """How it ended, in words: `exit status 1`, `SIGKILL`, or `running`."""
        if self.running:
            return "running"
        if self._code is None:
            return "unknown to the engine"
        with contextlib.suppress(ValueError):
            return signal.Signals(self._code - _SIGNALLED).name
        return f"exit status {self._code}"

    def wait(self, timeout: float) -> int | None:
        """Its exit code once it has ended; None if it has not within `timeout` seconds."""
        self._ended.wait(timeout)
        return self._code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process, unless it has ended."""
        if self.running:
            with contextlib.suppress(OSError), system_errors(self._name):
                self._container.kill(signal=number.value)

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)

    def sweep(self) -> None:
        """Remove it, with what it left.

        If the engine does not, whatever takes its place will say so, or the end of the run.
        """
        with contextlib.suppress(OSError), system_errors(self._name):
            remove(self._client, self.id)
            self._ended.wait(1)

    def _follow(self, output: Any) -> None:
        """Write what it says to its log until it ends."""
        try:
            with self.log.open("ab", buffering=0) as log:
                for block in output:
                    log.write(block)
        finally:
            with contextlib.suppress(Exception):  # it was removed, or the engine has gone: it does not run either way
                self._code = int(self._container.wait()["StatusCode"])
            self._ended.set()


def remove(client: DockerClient, name: str) -> None:
    """Remove a container, running or not, with its anonymous volumes; nothing happens if there is none.

    Raises docker.errors.DockerException if the engine does not.
    """
    from docker.errors import APIError, NotFound  # noqa: PLC0415

    deadline = monotonic() + _REMOVAL_SECONDS
    with contextlib.suppress(NotFound):
        while True:
            try:
                client.api.remove_container(name, force=True, v=True)
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT or monotonic() > deadline:
                    raise
                sleep(_STEP)  # somebody else is removing it
            else:
                return


@contextlib.contextmanager
def system_errors(name: str) -> Iterator[None]:
    """Turn what the engine says against a container into the error that a program has that cannot be executed.

    An error of the SDK may be an OSError already, but one that says nothing.
    """
    from docker.errors import DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        yield
    except (DockerException, RequestException) as error:
        raise OSError(0, reason(error), name) from error
