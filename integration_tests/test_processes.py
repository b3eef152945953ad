"""Processes and containers that die, are killed, or end: what goes on, and what is left."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import requests

from harness import Command, Run, Traffic, client, counters, eventually, left, nothing_left, started
from lateen.runtime.state import find_runs
from lateen.runtime.supervisor import Running
from meshes import STRICT, deployment, documents, service, write


@pytest.fixture
def mesh(directory: Path) -> Path:
    """`web` calls `reviews` over mutual TLS."""
    objects = documents(deployment("web"), service("web"), deployment("reviews"), service("reviews"))
    return write(directory, workloads=objects, strict=STRICT)


def kill(running: Running, name: str) -> None:
    """Kill a supervised process, or the first one of a container."""
    next(one.child for one in running.processes if one.name == name).signal(signal.SIGKILL)


def test_the_control_plane_is_killed_under_traffic_and_comes_back(mesh: Path, up: Run) -> None:
    with up(mesh) as running, Traffic(lambda: client(running, "web"), "http://reviews:8080/") as traffic:
        before = counters(running, "web", r"cluster_manager\.cluster_modified|listener_manager\.listener_modified")
        for _ in range(3):
            since = len(running.events)
            kill(running, "control-plane")
            running.events.wait_for(lambda e: e["event"] == "restarted", 15, since)
            for proxy in running.view.proxies:
                running.events.wait_for(
                    lambda e, key=proxy.key: (e["event"], e.get("proxy")) == ("acked", key), 15, since
                )
        after = counters(running, "web", r"cluster_manager\.cluster_modified|listener_manager\.listener_modified")
    assert traffic.failures == []
    assert traffic.requests > 100
    assert after == before  # it served the same bytes, so Envoy was sent nothing


def test_an_envoy_that_crashes_is_started_again(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as web:
        since = len(running.events)
        kill(running, "reviews-0.default.envoy")
        ended = running.events.wait_for(lambda e: e["event"] == "ended", 5, since)
        assert (ended["process"], ended["status"]) == ("reviews-0.default.envoy", "SIGKILL")
        eventually(lambda: web.get("http://reviews:8080/", timeout=5).status_code == 200, 20)


def renewals(running: Running) -> int:
    """How many certificates the sidecar of `reviews` has got."""
    return counters(running, "reviews", r"sds\.default\.update_success")["sds.default.update_success"]


def test_certificates_are_renewed_without_a_failed_request(mesh: Path, up: Run) -> None:
    others = r"sds\.ROOTCA\.update_success|cluster_manager\.cluster_modified|listener_manager\.listener_modified"
    with up(mesh, certificate_lifetime=4.0) as running:
        start, still = renewals(running), counters(running, "reviews", others)
        with Traffic(lambda: client(running, "web"), "http://reviews:8080/") as traffic:
            eventually(lambda: renewals(running) >= start + 3, 20)
        assert counters(running, "reviews", others) == still
    assert traffic.failures == []
    assert traffic.requests > 100


def test_strict_refuses_plaintext_and_takes_the_mesh(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as web:
        answer = web.get("http://reviews:8080/", timeout=5)
        assert answer.status_code == 200
        assert answer.json()["name"] == "reviews-0"
        address = next(proxy.address for proxy in running.view.proxies if proxy.owner == "reviews")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{address}:8080/", timeout=5)


def test_a_run_leaves_no_process_no_port_and_no_file(mesh: Path, up: Run, state: Path, runtime: str) -> None:
    with up(mesh) as running:
        # two applications, two Envoys, the control plane; in containers two sandboxes besides
        assert len(left(running.id, runtime)) == (5 if runtime == "process" else 7)
        assert running.id in [run.id for run in find_runs(state) if run.alive]
    assert running.id not in [run.id for run in find_runs(state)]
    assert left(running.id, runtime) == []
    nothing_left(running)


def test_a_killed_supervisor_leaves_nothing(mesh: Path, base: Path, runtime: str) -> None:
    command = Command(base, "up", str(mesh), "--runtime", runtime)
    run = started(base)
    command.process.kill()
    command.end()
    eventually(lambda: not left(run.id, runtime), 30)
    eventually(lambda: not list(base.iterdir()), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_mesh_with_exit_code_0(mesh: Path, base: Path, number: signal.Signals, runtime: str) -> None:
    command = Command(base, "up", str(mesh), "--runtime", runtime)
    run = started(base)
    assert command.process.stdout is not None
    assert any("/metrics" in line for line in command.process.stdout)
    command.process.send_signal(number)
    code, _, _ = command.end()
    assert code == 0
    assert left(run.id, runtime) == []
    assert list(base.iterdir()) == []


def test_down_ends_a_run_and_proxies_lists_it(mesh: Path, base: Path, runtime: str) -> None:
    command = Command(base, "up", str(mesh), "--runtime", runtime)
    run = started(base)
    _, listed, _ = Command(base, "proxies", str(mesh)).end()
    assert all(address in listed for address in run.addresses.values())
    code, said, _ = Command(base, "down").end()
    assert (code, run.id in said) == (0, True)
    assert command.end()[0] == 0
    assert left(run.id, runtime) == []
    assert Command(base, "down").end()[1] == "nothing runs\n"


def test_two_meshes_run_side_by_side(mesh: Path, up: Run, tmp_path: Path) -> None:
    other = write(tmp_path / "other", workloads=documents(deployment("web"), service("web")))
    with up(mesh) as first, up(other) as second:
        addresses = [proxy.address for running in (first, second) for proxy in running.view.proxies]
        assert len(set(addresses)) == 3
        assert client(second, "web").get("http://web:8080/", timeout=5).status_code == 200
