"""A container as supervision sees it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, NotFound
from requests import ConnectionError as NoConnection
from requests import Response

from lateen.runtime.docker import container as module
from lateen.runtime.docker.container import Container, remove
from lateen.runtime.docker.leftovers import orphans, remove_run


def refusal(status: int, text: str) -> APIError:
    response = Response()
    response.status_code = status
    return (NotFound if status == 404 else APIError)("refused", response, text)


class Engine:
    """An engine with one container, which says `output` and ends when it is told to."""

    def __init__(self, code: int | None = 0, output: tuple[bytes, ...] = (), start: Exception | None = None) -> None:
        self.containers = self.api = self
        self.id = "c0ffee"
        self.code, self.output, self.refuses = code, output, start
        self.removals: list[Exception | None] = []
        self.removed: list[str] = []
        self.signals: list[int] = []
        self.end = threading.Event()

    def create(self, _image: str, **_options: Any) -> Engine:
        self.end.clear()
        return self

    def attach(self, **_options: Any) -> Iterator[bytes]:
        yield from self.output
        self.end.wait(5)

    def start(self) -> None:
        if self.refuses:
            raise self.refuses

    def wait(self) -> dict[str, int]:
        if self.code is None:
            raise refusal(404, "No such container")
        return {"StatusCode": self.code}

    def kill(self, signal: int) -> None:
        if self.refuses:
            raise self.refuses
        self.signals.append(signal)

    def remove_container(self, name: str, **_options: Any) -> None:
        if self.removals and (error := self.removals.pop(0)):
            raise error
        self.removed.append(name)
        self.end.set()


def started(engine: Any, log: Path) -> Container:
    return Container(engine, "lateen-run-web", "image", log / "log", {})


@pytest.mark.parametrize(
    ("code", "status", "succeeded"),
    [
        (0, "exit status 0", True),
        (1, "exit status 1", False),
        (137, "SIGKILL", False),
        (143, "SIGTERM", False),
        (128, "exit status 128", False),
        (255, "exit status 255", False),
        (None, "unknown to the engine", False),
    ],
)
def test_how_it_ended_in_words(tmp_path: Path, code: int | None, status: str, succeeded: bool) -> None:
    engine = Engine(code)
    container = started(engine, tmp_path)
    assert (container.status, container.running, container.succeeded) == ("running", True, False)
    engine.end.set()
    assert container.wait(5) == code
    assert (container.status, container.running, container.succeeded) == (status, False, succeeded)


def test_its_output_goes_to_its_log(tmp_path: Path) -> None:
    engine = Engine(output=(b"one\nt", b"wo\n"))
    (tmp_path / "log").write_text("of the one before\n")
    container = started(engine, tmp_path)
    engine.end.set()
    container.wait(5)
    assert container.tail() == "of the one before\none\ntwo"


@pytest.mark.parametrize(
    ("error", "said"),
    [(refusal(500, 'exec: "nothing":\n not found'), 'exec: "nothing": not found'), (NoConnection("gone"), "gone")],
)
def test_one_that_cannot_be_started_is_an_error_of_the_system(tmp_path: Path, error: Exception, said: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        started(Engine(start=error), tmp_path)
    assert (caught.value.strerror, caught.value.filename) == (said, "lateen-run-web")


def test_it_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    engine = Engine()
    engine.removals = [refusal(409, "removal is in progress"), refusal(404, "No such container")]
    started(engine, tmp_path)
    assert engine.removals == []


def test_a_removal_that_does_not_come_about_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMOVAL_SECONDS", 0.0)
    engine: Any = Engine()
    engine.removals = [refusal(409, "in use"), refusal(409, "in use")]
    with pytest.raises(APIError):
        remove(engine, "web")


def test_whoever_ends_it_hears_nothing_of_an_engine_that_has_gone(tmp_path: Path) -> None:
    """Another one may take its place, which says so."""
    engine = Engine()
    container = started(engine, tmp_path)
    container.signal(signal.SIGTERM)
    assert engine.signals == [signal.SIGTERM.value]
    engine.refuses, engine.removals = NoConnection("gone"), [NoConnection("gone")]
    container.signal(signal.SIGKILL)
    container.sweep()
    assert container.running


class Leftovers:
    """An engine with networks and containers of runs."""

    def __init__(self, roots: dict[str, str]) -> None:
        self.containers = self.networks = self.api = self
        self.attrs: dict[str, Any] = {}
        self.found = [_Left({"lateen.run": run, "lateen.root": root}) for run, root in roots.items()]

    def list(self, **_options: Any) -> list[_Left]:
        return self.found

    def remove_container(self, _name: str, **_options: Any) -> None:
        raise refusal(404, "No such container")


class _Left:
    id = "c0ffee"

    def __init__(self, labels: dict[str, str]) -> None:
        self.attrs = {"Labels": labels}

    def remove(self) -> None:
        raise refusal(404, "No such network")

    reload = remove


def test_a_run_is_an_orphan_when_its_folder_is_known_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's folder is not to be seen: that run is not ours to end."""
    closed = tmp_path / "other"
    look = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    engine: Any = Leftovers({"here": str(tmp_path), "gone": str(tmp_path / "gone"), "other": str(closed)})
    assert orphans(engine) == {"gone"}


def test_what_somebody_else_has_removed_meanwhile_is_removed() -> None:
    engine: Any = Leftovers({"run": "/nowhere"})
    remove_run(engine, "run")
