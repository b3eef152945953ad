"""The fixed listeners of a running Envoy."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import orjson
import pytest
import requests

from lateen.model.proxy import Proxy
from lateen.schema.binary import find_envoy
from lateen.xds.snapshot import Snapshot


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, worker_address: str) -> Iterator[str]:
    """The address of an Envoy that runs a static configuration without services."""
    bind = worker_address.removesuffix(".1") + ".15"
    folder = tmp_path_factory.mktemp("bootstrap")
    (folder / "envoy.json").write_bytes(
        orjson.dumps(Snapshot(Proxy("web", metadata={"LATEEN_BIND_ADDRESS": bind})).static())
    )
    with (folder / "log").open("wb") as log:
        command = [find_envoy(), "-c", folder / "envoy.json", "--disable-hot-restart", "--concurrency", "1"]
        envoy = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while envoy.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"http://{bind}:15021/healthz/ready", timeout=1).ok:
                break
        except requests.ConnectionError:
            time.sleep(0.05)
    else:
        envoy.kill()
        pytest.fail((folder / "log").read_text()[-2000:])
    complaints = [line for line in (folder / "log").read_text().splitlines() if "[warning]" in line]
    assert not complaints, complaints
    yield bind
    envoy.terminate()
    envoy.wait(10)


def test_readiness_is_the_admins(address: str) -> None:
    assert requests.get(f"http://{address}:15021/healthz/ready", timeout=5).text == "LIVE\n"


@pytest.mark.parametrize("path", ["/", "/ready", "/quitquitquit", "/healthz/ready/../../quitquitquit"])
def test_the_health_port_gives_nothing_else(address: str, path: str) -> None:
    session = requests.Session()
    prepared = session.prepare_request(requests.Request("POST", f"http://{address}:15021"))
    prepared.url = f"http://{address}:15021{path}"
    assert session.send(prepared, timeout=5).status_code == 404


def test_metrics_are_the_ones_that_are_included(address: str) -> None:
    body = requests.get(f"http://{address}:15090/stats/prometheus", timeout=5).text
    assert "envoy_server_live" in body
    assert "envoy_listener_manager_total_listeners_active" in body
    assert "envoy_http_downstream_rq_total" not in body
    assert requests.get(f"http://{address}:15090/stats", timeout=5).status_code == 404
    assert requests.get(f"http://{address}:15090/config_dump", timeout=5).status_code == 404
