"""What stands in the way of a mesh in containers: one error each, exit code 2, and nothing left in the engine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from harness import Command, Run, eventually, find_processes, left, started
from lateen.diagnostics import Diagnostic, MeshError
from lateen.runtime.docker import launch
from lateen.runtime.docker.container import ROOT_LABEL, RUN_LABEL
from lateen.runtime.docker.engine import connect
from meshes import deployment, documents, service, write

pytestmark = pytest.mark.parametrize("runtime", ["docker"], indirect=True)


@pytest.fixture(autouse=True)
def nothing_stays(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test did, the engine has no more of this session's runs than before; others may use the engine too."""
    with closing(connect()) as engine:
        before = of_runs(engine, tmp_path_factory.getbasetemp())
        yield
        assert of_runs(engine, tmp_path_factory.getbasetemp()) == before


def of_runs(engine: Any, base: Path) -> set[str]:
    """The containers and networks of runs whose folders are below `base`."""
    containers = engine.containers.list(all=True, sparse=True, filters={"label": RUN_LABEL})
    found = (*containers, *engine.networks.list(filters={"label": RUN_LABEL}))
    return {one.id for one in found if Path(one.attrs["Labels"][ROOT_LABEL]).is_relative_to(base)}


def echo(directory: Path, **container: Any) -> Path:
    return write(directory, workloads=documents(deployment("web", **container), service("web")))


def refused(up: Run, directory: Path) -> Diagnostic:
    """The one error that keeps the mesh from starting."""
    with pytest.raises(MeshError) as error, up(directory):
        pass
    [finding] = [one for one in error.value.diagnostics if one.severity.label == "error"]
    return finding


@pytest.mark.parametrize(
    ("host", "code"), [("unix:///nowhere.sock", "LAT0730"), ("tcp://192.0.2.1:2375", "LAT0742")], ids=["none", "remote"]
)
def test_there_is_no_engine(directory: Path, base: Path, host: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    echo(directory)
    with monkeypatch.context() as patched:
        patched.setenv("DOCKER_HOST", host)
        exit_code, _, said = Command(base, "up", str(directory), "--runtime", "docker").end()
    assert exit_code == 2
    assert said.count(" error: ") == 1
    assert code in said
    assert list(base.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_user_may_not_use_the_engine() -> None:
    """The socket of an engine is closed to all but its group; a process of another user asks it."""
    asks = "import lateen.runtime.docker.engine as e\ntry: e.connect()\nexcept Exception as error: print(error)"
    become = f"import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n{asks}"
    preload = "import docker, lateen.runtime.docker.engine, docker.errors, docker.context"
    done = subprocess.run(
        [sys.executable, "-c", f"{preload}\n{become}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "LAT0731" in done.stdout


def test_an_image_that_cannot_be_had_is_named_where_it_stands(directory: Path, up: Run) -> None:
    finding = refused(up, echo(directory, image="registry.invalid/web:1"))
    assert finding.code == "LAT0734"
    assert "registry.invalid/web:1" in finding.message
    assert finding.origin.file.endswith("workloads.yaml")
    assert finding.origin.line > 1


def test_a_container_that_dies_is_shown_with_its_last_words(directory: Path, up: Run) -> None:
    dies = ["python3", "-c", "raise SystemExit('no database')"]
    finding = refused(up, echo(directory, command=dies))
    assert finding.code == "LAT0704"
    assert "no database" in finding.message


def test_a_program_that_the_image_does_not_have(directory: Path, up: Run) -> None:
    finding = refused(up, echo(directory, command=["no-such-program"]))
    assert "no-such-program" in finding.message


def test_rules_that_the_kernel_does_not_take(directory: Path, up: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without nftables in the kernel: nothing starts without its redirection."""
    monkeypatch.setattr(launch, "nftables", lambda _redirection, _ports: "table inet lateen { nonsense }\n")
    finding = refused(up, echo(directory))
    assert finding.code == "LAT0743"
    assert "syntax error" in finding.message


def test_a_gateways_port_is_taken_on_this_machine(directory: Path, up: Run) -> None:
    gateway = deployment("edge", image="auto", command=[], env=[], ports=[])
    template = gateway["spec"]["template"]
    template["metadata"]["annotations"] = {"inject.istio.io/templates": "gateway"}
    template["spec"]["containers"][0]["name"] = "istio-proxy"
    taken = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - at whichever address the gateway comes to be
    port = taken.getsockname()[1]
    server = {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    entrance = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge"},
        "spec": {"selector": {"app": "edge"}, "servers": [server]},
    }
    write(directory, workloads=documents(gateway, service("edge"), entrance))
    with taken:
        finding = refused(up, directory)
    assert finding.code == "LAT0701"
    assert re.search(rf"\b127\.\d+\.0\.1:{port}\b", finding.message)


def test_the_engine_has_no_room_for_another_network(directory: Path, up: Run) -> None:
    echo(directory)
    with closing(connect()) as engine, exhausted(engine):
        finding = refused(up, directory)
    assert finding.code == "LAT0732"
    assert "make a network" in finding.message


@contextmanager
def exhausted(engine: Any) -> Iterator[None]:
    """Until every address pool of the engine is in use; the engine's own have room for 31."""
    made = []
    try:
        for number in range(64):
            try:
                made.append(engine.networks.create(f"lateen-test-{os.getpid()}-{number}", driver="bridge"))
            except APIError:
                break
        yield
    finally:
        for network in made:
            network.remove()


def test_down_removes_what_a_crash_of_everything_left(directory: Path, base: Path, runtime: str) -> None:
    command = Command(base, "up", str(echo(directory)), "--runtime", "docker")
    run = started(base)
    [guard] = find_processes("lateen.runtime.guard", run.id)
    os.kill(guard, signal.SIGKILL)
    command.process.kill()
    command.end()
    assert left(run.id, runtime)
    code, said, problem = Command(base, "down").end()
    assert (code, run.id in said) == (0, True), problem
    eventually(lambda: not left(run.id, runtime))
    assert list(base.iterdir()) == []
