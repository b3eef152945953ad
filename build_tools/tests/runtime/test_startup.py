"""Starting real processes: what is waited for, and what a failed start says."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from lateen.diagnostics import MeshError, Origin
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.pod import HttpGet, Probe
from lateen.model.proxy import Proxy
from lateen.model.workload import Workload
from lateen.runtime.child import marked
from lateen.runtime.events import Events, place
from lateen.runtime.plan import Application, Plan, PlannedProxy, Settings
from lateen.runtime.process.launch import Launcher, launch
from lateen.runtime.startup import Startup
from lateen.runtime.state import RunDirectory
from lateen.runtime.supervision import Supervision
from lateen.schema.binary import find_envoy

PLACE = Origin("web.yaml", 7, 3)
WORKLOAD = Workload("web-0", "shop", "web", Ref("Deployment", "shop", "web", PLACE), named_ports={"http": 9080})
SERVER = ("-m", "http.server", "--bind")
EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"
_numbers = itertools.count(1)


@pytest.fixture
def address() -> str:
    """A loopback address that no other test, in no other process, uses."""
    return f"127.27.{os.getpid() % 250 + 1}.{next(_numbers)}"


class Lab:
    """A run directory with what it takes to start things in it."""

    def __init__(self, base: Path) -> None:
        self.run = RunDirectory(base)
        self.processes = Supervision(Events())
        self.launcher = Launcher(self.run.id, self.run.files, find_envoy())

    def launch(self, *applications: Application, bootstraps: dict[str, Any] | None = None) -> Startup:
        proxies = tuple(
            PlannedProxy(Proxy(key.split(".")[0], "shop"), replace(WORKLOAD, name=key.split(".")[0]), Path("unused"))
            for key in bootstraps or {}
        )
        plan = Plan(Settings(self.run.files.root), Mesh(), {}, proxies, applications)
        return launch(plan, bootstraps or {}, self.launcher, self.processes, control_plane=False)

    def fails(self, startup: Startup, timeout: float = 10.0) -> list[str]:
        with pytest.raises(MeshError) as error:
            startup.wait(timeout)
        self.diagnostics = error.value.diagnostics
        return [d.code for d in self.diagnostics]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.processes.stop()
    lab.run.remove()
    assert marked(lab.run.id) == []


def python(address: str, *arguments: str, **fields: Any) -> Application:
    return Application(
        WORKLOAD,
        fields.pop("container", "app"),
        (sys.executable, *arguments),
        dict(os.environ),
        Path("/"),
        address,
        fields.pop("ports", (9080,)),
        origin=PLACE,
        **fields,
    )


def static(address: str, listener_port: int | None = None) -> dict[str, Any]:
    """A bootstrap with an admin interface and, if asked for, one listener that answers 204."""
    http = {
        "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 204}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{EXTENSIONS}.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "one",
        "address": {"socket_address": {"address": address, "port_value": listener_port}},
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}]}
        ],
    }
    return {
        "admin": {"address": {"socket_address": {"address": address, "port_value": 15000}}},
        "static_resources": {"listeners": [listener] if listener_port else []},
    }


def test_a_mesh_of_envoys_and_applications_starts(lab: Lab, address: str) -> None:
    probed = python(address, *SERVER, address, "9080", readiness=Probe(HttpGet("http"), period=1))
    listening = python(address, *SERVER, address, "9081", ports=(9081,), container="second")
    startup = lab.launch(probed, listening, bootstraps={"web-0.shop": static(address, 10000)})
    assert startup.wait(20) == ()
    assert requests.get(f"http://{address}:10000/", timeout=5).status_code == 204
    assert requests.get(f"http://{address}:9080/", timeout=5).ok
    assert len(marked(lab.run.id)) == 3
    lab.processes.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}:10000/", timeout=5)


def test_an_application_that_ends_is_named_with_its_log_and_its_last_words(lab: Lab, address: str) -> None:
    startup = lab.launch(python(address, "-c", "raise SystemExit('no database')"))
    assert lab.fails(startup) == ["LAT0704"]
    [finding] = lab.diagnostics
    assert finding.origin == PLACE
    assert finding.message == "container app of web ended (exit status 1) before it was ready: no database"
    assert finding.hint == f"see {lab.run.files.log('web-0.shop.app')}"


def test_an_application_that_never_answers_its_probe_is_named(lab: Lab, address: str) -> None:
    probe = Probe(HttpGet(9080, "/missing"), period=1)
    startup = lab.launch(python(address, *SERVER, address, "9080", readiness=probe))
    assert lab.fails(startup, 0.6) == ["LAT0705"]
    assert f"http://{address}:9080/missing answers 404" in lab.diagnostics[0].message


def test_an_application_that_listens_elsewhere_is_told_where_it_must(lab: Lab, address: str) -> None:
    startup = lab.launch(python(address, "-c", "import time; time.sleep(60)"))
    assert lab.fails(startup, 0.3) == ["LAT0705"]
    assert f"nothing accepts connections on {address}:9080, its pod IP" in lab.diagnostics[0].message


def test_a_wildcard_listener_is_a_warning(lab: Lab, address: str) -> None:
    script = "import socket, time; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); "
    probe = f"t = socket.create_server(('{address}', 9080)); time.sleep(60)"
    [finding] = lab.launch(python(address, "-c", script + probe)).wait(10)
    port = lab.run.files.log("web-0.shop.app").read_text().strip()
    assert finding.code == "LAT0706"
    assert f"listens on 0.0.0.0:{port}" in finding.message


def test_an_envoy_that_ends_is_named_with_its_critical_line(lab: Lab, address: str) -> None:
    bootstrap = {**static(address), "static_resources": {"clusters": [{"name": ""}]}}
    assert lab.fails(lab.launch(bootstraps={"web-0.shop": bootstrap})) == ["LAT0702"]
    [finding] = lab.diagnostics
    assert "the Envoy of web-0.shop ended (exit status 1)" in finding.message
    assert "ClusterValidationError.Name: value length must be at least 1" in finding.message
    assert "socket_address" not in finding.message
    assert "[critical]" not in finding.message
    assert finding.hint == f"see {lab.run.files.log('web-0.shop.envoy')}"


def test_a_static_listener_on_a_taken_address_ends_envoy(lab: Lab, address: str) -> None:
    second = static(address, 10000)
    second["admin"]["address"]["socket_address"]["port_value"] = 15001
    lab.launch(bootstraps={"a-0.shop": static(address, 10000)}).wait(20)
    assert lab.fails(lab.launch(bootstraps={"b-0.shop": second})) == ["LAT0702"]
    assert lab.diagnostics[0].message.endswith(f": cannot bind '{address}:10000': Address already in use")


def test_an_envoy_that_waits_for_configuration_is_not_ready(lab: Lab, address: str) -> None:
    socket = str(lab.run.files.socket(1))
    bootstrap = {
        "node": {"id": "x", "cluster": "x"},
        **static(address),
        "dynamic_resources": {
            "lds_config": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"},
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
        },
    }
    bootstrap["static_resources"] = {
        "clusters": [
            {
                "name": "xds",
                "load_assignment": {
                    "cluster_name": "xds",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
                },
            }
        ]
    }
    assert lab.fails(lab.launch(bootstraps={"web-0.shop": bootstrap}), 0.6) == ["LAT0703"]
    assert "it says PRE_INITIALIZING" in lab.diagnostics[0].message or "INITIALIZING" in lab.diagnostics[0].message


def test_a_program_that_is_no_envoy_is_an_error(lab: Lab, address: str, tmp_path: Path) -> None:
    broken = tmp_path / "envoy"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    lab.launcher = replace(lab.launcher, envoy=broken)
    assert lab.fails(lab.launch(bootstraps={"web-0.shop": static(address)})) == ["LAT0702"]


def test_a_nack_fails_the_start_at_the_users_line(lab: Lab) -> None:
    startup = lab.launch()
    startup.events.add(
        {
            "event": "nack",
            "proxy": "web-0.shop",
            "type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": "127.1.0.1_9080",
            "message": "cannot bind",
            "origin": "web.yaml:7:3",
        }
    )
    assert lab.fails(startup) == ["LAT0718"]
    assert lab.diagnostics[0].origin == PLACE
    assert "rejected Listener 127.1.0.1_9080: cannot bind" in lab.diagnostics[0].message


def test_findings_of_the_control_plane_fail_the_start_unless_they_are_mere_warnings(lab: Lab) -> None:
    finding = {"code": "LAT0301", "severity": "error", "message": "m", "origin": "web.yaml:7:3", "hint": "h"}
    startup = lab.launch()
    startup.events.add({"event": "diagnostics", "generation": 1, "findings": [finding], "used": True})
    assert startup.wait(1) == ()
    startup.events.add({"event": "diagnostics", "generation": 2, "findings": [finding], "used": False})
    assert lab.fails(startup) == ["LAT0301"]
    assert (lab.diagnostics[0].origin, lab.diagnostics[0].hint) == (PLACE, "h")


@pytest.mark.parametrize(
    ("text", "origin"),
    [("a:b.yaml:3:9", Origin("a:b.yaml", 3, 9)), ("web.yaml", Origin("web.yaml")), ("", Origin())],
)
def test_places_are_read_back(text: str, origin: Origin) -> None:
    assert place(text) == origin


def test_a_bootstrap_is_a_file_of_the_run(lab: Lab, address: str) -> None:
    lab.launch(bootstraps={"web-0.shop": static(address)}).wait(20)
    assert json.loads(lab.run.files.bootstrap("web-0.shop").read_text()) == static(address)
