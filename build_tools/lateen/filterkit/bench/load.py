"""Requests at a fixed rate, and how long each took."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

RATE = 2000
"""Requests per second, on all connections together: below what a machine can do, so that nothing queues."""

CONNECTIONS = 8


class LoadError(RuntimeError):
    """No load could be made, or a request was not answered as it should be."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, sent many times. With a body the method is POST unless it says otherwise; `status` is expected."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    status: int = 200
    connect_to: str = ""


def tool() -> str:
    """The path of h2load, empty if it is not there."""
    return shutil.which("h2load") or ""


def load(request: Request, count: int, folder: Path, rate: float = RATE, connections: int = CONNECTIONS) -> list[float]:
    """Send a request `count` times by HTTP/1.1 on kept connections; gives the microseconds of each.

    Raises LoadError if h2load is missing or one is not answered with the status.
    """
    log, body = folder / "requests.tsv", folder / "request.body"
    log.unlink(missing_ok=True)
    if not tool():
        raise LoadError("h2load is missing")
    argv = [tool(), "--h1", f"--requests={count}", f"--clients={connections}", f"--rps={rate / connections:g}"]
    argv += [f"--header={name}: {value}" for name, value in request.headers]
    argv += [f"--connect-to={request.connect_to}"] if request.connect_to else []
    if request.body is not None:
        body.write_text(request.body)
        argv.append(f"--data={body}")
    argv += [f"--log-file={log}", request.url]
    limit = 60 + 10 * count / rate
    done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False)
    lines = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    others = sorted({status for _, status, _ in lines} - {str(request.status)})
    if len(lines) != count or others:
        said = f"answers with {', '.join(others)}" if others else f"{len(lines)} of {count} answers"
        raise LoadError(f"{said} instead of {request.status}\n{done.stdout}".strip())
    return [float(taken) for _, _, taken in lines]
