"""The control plane as a process beside a real Envoy: from a saved file to configuration in force, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

import lateen
from lateen.identity import Authority
from lateen.schema.binary import find_envoy
from meshes import deployment, destination_rule, documents, save, service, virtual_service

pytestmark = pytest.mark.integration

WEB = "web-0.default"
PLACEMENTS = {WEB: "127.26.2.1", "reviews-0.default": "127.26.2.2"}
ADMIN = "http://127.26.2.1:15000"


class ControlPlane:
    """A mesh on disk, the state directory of its run, and the process that serves it to the Envoy of `web`."""

    def __init__(self, folder: Path) -> None:
        self.mesh, self.state = folder / "mesh", folder / "state"
        self.mesh.mkdir()
        workloads = (deployment("web"), service("web"), deployment("reviews"), service("reviews"))
        save(self.mesh / "workloads.yaml", documents(*workloads))
        self.edit(timeout="5s")
        socket = self.state / "xds" / "0.sock"
        self.metadata = {
            "INTERCEPTION_MODE": "NONE",
            "LATEEN_METADATA_EXCHANGE": "false",
            "LATEEN_BIND_ADDRESS": "127.26.2.1",
            "LATEEN_OUTBOUND_ADDRESS": "127.26.2.11",
            "LATEEN_APP_ADDRESS": "127.26.2.21",
            "LATEEN_XDS_SOCKET": str(socket),
        }
        Authority.create("cluster.local").save(self.state / "ca")
        plan = {
            "version": 1,
            "directory": str(self.mesh),
            "mesh_config": None,
            "domain_suffix": "cluster.local",
            "strict": True,
            "placements": PLACEMENTS,
            "proxies": {WEB: {"socket": str(socket), "metadata": self.metadata}},
        }
        (self.state / "plan.json").write_text(json.dumps(plan))

    def edit(self, **rule: Any) -> None:
        save(self.mesh / "routes.yaml", documents(virtual_service("reviews", **rule)))

    def command(self) -> list[str]:
        return [sys.executable, "-m", "lateen.deliver.control_plane", str(self.state)]

    def start(self) -> None:
        self.output = (self.state / "events.jsonl").open("ab")
        self.process = subprocess.Popen(self.command(), stdout=self.output)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "events.jsonl").read_text().splitlines()]

    def wait(self, event: str, since: int = 0, **fields: object) -> dict[str, Any]:
        wanted, deadline = {"event": event, **fields}.items(), time.monotonic() + 15
        while time.monotonic() < deadline:
            for found in self.events()[since:]:
                if wanted <= found.items():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"no {dict(wanted)} in {self.events()[since:]}")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path)
    made.start()
    yield made
    made.process.kill()
    made.process.wait()
    made.output.close()


@pytest.fixture
def web(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with the Envoy of `web`, everything in force."""
    mesh = lateen.load(plane.mesh).placed(PLACEMENTS)
    proxy = next(proxy for proxy in mesh.proxies() if proxy.name == "web-0")
    snapshot = lateen.compile(mesh, replace(proxy, metadata={**proxy.metadata, **plane.metadata}))
    path = plane.state / "envoy.json"
    path.write_text(json.dumps(snapshot.bootstrap()))
    arguments = [find_envoy(), "--config-path", path, "--concurrency", "1", "--disable-hot-restart"]
    with (plane.state / "envoy.log").open("wb") as log:
        envoy = subprocess.Popen([*arguments, "--log-level", "warning"], stderr=log)
    plane.wait("acked", proxy=WEB, generation=1)
    yield plane
    envoy.terminate()
    envoy.wait(10)


def configuration() -> str:
    """Listeners, routes and clusters as Envoy has them, with the times at which they came."""
    found = requests.get(f"{ADMIN}/config_dump", timeout=5).json()["configs"]
    return json.dumps([c for c in found if "Bootstrap" not in c["@type"]], sort_keys=True)


def test_a_saved_file_comes_into_force(web: ControlPlane) -> None:
    web.edit(timeout="7s")
    web.wait("acked", generation=2)
    assert '"timeout": "7s"' in configuration()


def test_a_killed_control_plane_is_replaced_without_touching_envoy(web: ControlPlane) -> None:
    before = configuration()
    web.process.kill()
    web.process.wait()
    since = len(web.events())
    web.start()
    web.wait("acked", since, proxy=WEB, generation=1)
    assert configuration() == before


def test_what_envoy_refuses_is_shown_at_its_line(web: ControlPlane) -> None:
    """Istio accepts a ring of this size, Envoy does not, and cuts its reason off behind the dump of the cluster."""
    ring = {"loadBalancer": {"consistentHash": {"httpHeaderName": "x", "ringHash": {"minimumRingSize": 9_000_000}}}}
    save(web.mesh / "rule.yaml", "\n\n" + documents(destination_rule("reviews", **ring)))
    refused = web.wait("nack")
    assert refused["proxy"] == WEB
    assert refused["name"] == "outbound|8080||reviews.default.svc.cluster.local"
    assert refused["message"].startswith("ring_hash_lb_config.minimum_ring_size: ")
    place, line, _ = refused["origin"].rsplit(":", 2)
    assert Path(place) == web.mesh / "rule.yaml"
    assert int(line) > 2
    (web.mesh / "rule.yaml").unlink()
    web.wait("acked", proxy=WEB, generation=3)


def test_it_ends_when_it_is_told_and_removes_its_sockets(plane: ControlPlane) -> None:
    plane.wait("compiled")
    plane.process.send_signal(signal.SIGTERM)
    assert plane.process.wait(10) == 0
    assert list((plane.state / "xds").iterdir()) == []


def test_a_second_one_is_refused(plane: ControlPlane) -> None:
    plane.wait("serving")
    second = subprocess.run(plane.command(), check=False, capture_output=True, text=True, timeout=20)
    assert second.returncode == 2
    assert "another control plane serves" in second.stderr
    assert plane.process.poll() is None


def test_it_ends_with_its_parent(plane: ControlPlane, tmp_path: Path) -> None:
    plane.process.kill()
    plane.process.wait()
    started = f"import subprocess, time; print(subprocess.Popen({plane.command()!r}).pid, flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", started], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    while '"compiled"' not in parent.stdout.readline():
        pass
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while running(child):
        assert time.monotonic() < deadline, "it goes on without its parent"
        time.sleep(0.05)


def running(process: int) -> bool:
    """Whether it is more than a zombie that nobody has waited for."""
    try:
        os.kill(process, 0)
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
