"""What tests do with a running mesh: call through it, edit it, count what Envoy did."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar, NoReturn

import pytest
import requests

from lateen.runtime.child import marked
from lateen.runtime.docker.container import RUN_LABEL
from lateen.runtime.docker.engine import connect
from lateen.runtime.state import Run as Found
from lateen.runtime.state import find_runs
from lateen.runtime.supervisor import Running

Run = Callable[..., AbstractContextManager[Running]]
"""The fixture `up`: runs the mesh of a folder for a block."""


def lacking(what: str) -> NoReturn:
    """End a test that this machine lacks something for: a skip that says so; in CI, which must have it, a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


def proxy_url(running: Running, owner: str) -> str:
    """The http_proxy of a workload."""
    return next(proxy.http_proxy for proxy in running.view.proxies if proxy.owner == owner)


def client(running: Running, owner: str) -> requests.Session:
    """A client that calls as the application of that workload does."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": proxy_url(running, owner)}
    return session


def counters(running: Running, owner: str, pattern: str) -> dict[str, int]:
    """The counters of a proxy whose names match."""
    admin = next(proxy.admin for proxy in running.view.proxies if proxy.owner == owner)
    text = requests.get(f"{admin}/stats", params={"filter": pattern}, timeout=5).text
    found = re.findall(r"^(\S+): (\d+)$", text, re.MULTILINE)
    return {name: int(value) for name, value in found}


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds; fails when it does not within that time."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "the condition never held"
        sleep(0.02)


def in_force(running: Running, edit: Callable[[], None], timeout: float = 15.0) -> int:
    """Make an edit and wait until every proxy has taken it; gives its number of changed resources."""
    since = len(running.events)
    edit()
    compiled = running.events.wait_for(lambda e: e["event"] in ("compiled", "diagnostics"), timeout, since)
    assert compiled["event"] == "compiled", compiled
    for proxy in running.view.proxies:
        running.events.wait_for(
            lambda e, key=proxy.key: (
                (e["event"], e.get("proxy")) == ("acked", key) and e["generation"] >= compiled["generation"]
            ),
            timeout,
            since,
        )
    return int(compiled["changed"])


@dataclass
class Traffic:
    """Requests at a steady rate from a few threads, each on a connection that it keeps; failures are collected."""

    session: Callable[[], requests.Session]
    url: str
    threads: int = 4
    rate: float = 100.0
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.threads)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with self.session() as session:
            while not self._stop.wait(self.threads / self.rate):
                self.requests += 1
                try:
                    answer = session.get(self.url, timeout=10)
                except requests.RequestException as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                    continue
                if answer.status_code != 200:
                    flags = answer.headers.get("x-envoy-response-flags", "")
                    self.failures.append(f"{answer.status_code} {answer.text} {flags}")


class Command:
    """`lateen` as a user's process; one that a failed test leaves is ended by a fixture."""

    started: ClassVar[list[Command]] = []

    def __init__(self, state: Path, *arguments: str) -> None:
        argv = [Path(sys.executable).with_name("lateen"), *arguments, "--state-dir", str(state)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(self)

    def end(self, timeout: float = 60.0) -> tuple[int, str, str]:
        """Wait for its end: exit code, output, errors; one that does not end is killed, and fails the test."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out, err


def left(run: str, runtime: str) -> list[object]:
    """The processes and containers of a run."""
    if runtime == "process":
        return [*marked(run)]
    with closing(connect()) as engine:
        return [*marked(run), *engine.containers.list(all=True, sparse=True, filters={"label": f"{RUN_LABEL}={run}"})]


def nothing_left(running: Running) -> None:
    """No process, port or file of a run is there."""
    assert marked(running.id) == []
    assert not running.files.root.exists()
    for proxy in running.view.proxies:
        if not proxy.address.startswith("127."):
            continue  # that of a container
        for port in (8080, 15000, 15090):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are nobody's
                probe.bind((proxy.address, port))


def started(base: Path) -> Found:
    """Wait until a run is ready; gives it."""
    eventually(lambda: any(run.addresses for run in find_runs(base)), 60)
    return find_runs(base)[0]


def find_processes(*arguments: str) -> list[int]:
    """The processes whose command lines have all of these arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended
                given = (entry / "cmdline").read_text(errors="replace").split("\0")
                if set(arguments) <= set(given):
                    found.append(int(entry.name))
    return found
