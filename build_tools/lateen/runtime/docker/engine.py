"""Talking to the container engine: one connection, and one clear error for each way in which there is none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import engine as codes

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "lateen"
"""The label of everything that lateen makes in an engine."""

_DEFAULT = "unix:///var/run/docker.sock"
_ANSWER_SECONDS = 10
_WORK_SECONDS = 120


def address() -> str:
    """Where the engine is: `DOCKER_HOST`, else the current context of Docker's command line, else the default."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    from docker.context import ContextAPI  # noqa: PLC0415

    return ContextAPI.kwargs_from_context().get("base_url") or _DEFAULT


def connect(where: str = "") -> DockerClient:
    """A client of the engine at `where`, or else at `address()`, which has answered.

    Raises MeshError: LAT0730 if none answers there, LAT0731 if this user may not ask, LAT0732 if the answer is not that
    of an engine, LAT0733 without the Python package.
    """
    try:
        import docker  # noqa: PLC0415
    except ImportError as error:
        raise MeshError((codes.NO_SDK.at(Origin(), reason=error, hint="pip install 'lateen[docker]'"),)) from error
    try:
        where = where or address()
        client = docker.from_env(timeout=_ANSWER_SECONDS, environment={**os.environ, "DOCKER_HOST": where})
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise _unreachable(where or _DEFAULT, error) from error
    client.api.timeout = _WORK_SECONDS
    return client


@contextmanager
def asking(what: str) -> Iterator[None]:
    """A block that asks the engine to do `what` (`start the container web-0`).

    Raises MeshError: LAT0732 if the engine refuses, LAT0730 if it went away.
    """
    from docker.errors import DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        yield
    except (DockerException, RequestException) as error:
        raise refused(what, error) from error


def refused(what: str, error: Exception) -> MeshError:
    """The error that says why the engine did not do `what`."""
    if getattr(error, "response", None) is None and _system_error(error) is not None:
        return _unreachable(address(), error)
    return MeshError((codes.ENGINE_REFUSED.at(Origin(), address=address(), what=what, reason=reason(error)),))


def reason(error: Exception) -> str:
    """What the engine said, or else what went wrong on the way to it, on one line."""
    said = getattr(error, "explanation", None)
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    cause = _system_error(error)
    text = said or (cause.strerror if cause is not None else None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _unreachable(where: str, error: Exception) -> MeshError:
    cause = _system_error(error)
    if cause is not None and cause.errno in (errno.EACCES, errno.EPERM):
        hint = "join the group that owns the socket (Docker's is `docker`), or name another engine by DOCKER_HOST"
        return MeshError(
            (codes.NO_PERMISSION.at(Origin(), uid=os.getuid(), address=where, reason=cause.strerror, hint=hint),)
        )
    hint = "start Docker or set DOCKER_HOST (`make setup-docker` installs it on Debian); --runtime process needs none"
    return MeshError((codes.NO_ENGINE.at(Origin(), address=where, reason=reason(error), hint=hint),))


def _system_error(error: BaseException | None) -> OSError | None:
    """The operating system's error at the bottom of the SDK's: it is a cause, a context, or an argument of one."""
    seen: list[BaseException] = []
    queue = [error]
    while queue:
        current = queue.pop(0)
        if current is None or current in seen:
            continue
        seen.append(current)
        if isinstance(current, OSError) and isinstance(current.errno, int) and current.strerror:
            return current
        queue += [current.__cause__, current.__context__, *(a for a in current.args if isinstance(a, BaseException))]
    return None
