"""`lateen filters serve`: a real Envoy fetches a module from it, and takes no other than the one that it is told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import eventually
from lateen.filterkit.catalog import catalog
from lateen.runtime.child import Child
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy

FILTER = "peer_metadata"
TYPES = "type.googleapis.com"
CONFIGURATION = {"role": "gateway", "node_id": "router~192.0.2.1~edge.shop~shop", "metadata": {"NAME": "edge"}}


@pytest.fixture
def server() -> Iterator[tuple[str, str]]:
    """URL and digest of the module, as the command prints them."""
    command = [Path(sys.executable).with_name("lateen"), "filters", "serve", FILTER, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        printed = re.fullmatch(r"(http://\S+) sha256 ([0-9a-f]{64})\n", process.stdout.readline())
        assert printed is not None
        yield printed[1], printed[2]
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@contextmanager
def envoy(folder: Path, url: str, sha256: str) -> Iterator[tuple[str, Child]]:
    """An Envoy whose one filter is the module at `url`; gives the address of its admin interface."""
    admin = folder / "admin"
    bootstrap = folder / "envoy.json"
    bootstrap.write_text(json.dumps(configuration(url, sha256)))
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    arguments = ("--config-path", str(bootstrap), "--admin-address-path", str(admin), *options)
    process = Child((str(find_envoy()), *arguments), folder / "envoy.log")
    try:
        eventually(lambda: admin.exists() and admin.read_text(), 30)
        yield f"http://{admin.read_text()}", process
    finally:
        stop([process])


def configuration(url: str, sha256: str) -> dict[str, Any]:
    address, path = url.removeprefix("http://").split("/", 1)
    host, port = address.split(":")
    code = {
        "remote": {
            "http_uri": {"uri": f"http://{address}/{path}", "cluster": "modules", "timeout": "5s"},
            "sha256": sha256,
        }
    }
    wasm = {
        "@type": f"{TYPES}/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": FILTER,
            "root_id": FILTER,
            "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": code},
            "configuration": {
                "@type": f"{TYPES}/google.protobuf.StringValue",
                "value": json.dumps(catalog()[FILTER].configuration(CONFIGURATION).value),
            },
        },
    }
    manager = {
        "@type": f"{TYPES}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {"name": FILTER, "typed_config": wasm},
            {"name": "router", "typed_config": {"@type": f"{TYPES}/envoy.extensions.filters.http.router.v3.Router"}},
        ],
    }
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "static_resources": {
            "listeners": [
                {
                    "name": "web",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                    "filter_chains": [
                        {"filters": [{"name": "http", "typed_config": manager}]},
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "modules",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "modules",
                        "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
                    },
                }
            ],
        },
    }


def stats(admin: str) -> dict[str, int]:
    text = requests.get(f"{admin}/stats", params={"filter": "^wasm"}, timeout=5).text
    return {name: int(value) for name, value in re.findall(r"^(\S+): (\d+)$", text, re.MULTILINE)}


def test_envoy_runs_the_module_that_it_fetched(server: tuple[str, str], tmp_path: Path) -> None:
    url, sha256 = server
    assert sha256 == catalog()[FILTER].sha256
    with envoy(tmp_path, url, sha256) as (admin, _):
        eventually(lambda: requests.get(f"{admin}/ready", timeout=5).text.strip() == "LIVE", 30)
        listening = requests.get(f"{admin}/listeners", params={"format": "json"}, timeout=5).json()
        port = listening["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]
        answer = requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        assert answer.status_code == 200, (tmp_path / "envoy.log").read_text()
        assert stats(admin)["wasm.remote_load_fetch_successes"] == 1
        assert stats(admin)["wasm.envoy.wasm.runtime.v8.created"] > 0


def test_envoy_takes_no_other_module(server: tuple[str, str], tmp_path: Path) -> None:
    url, _ = server
    with envoy(tmp_path, url, "0" * 64) as (admin, _):
        eventually(lambda: stats(admin).get("wasm.remote_load_fetch_failures"), 30)
        assert stats(admin)["wasm.remote_load_fetch_successes"] == 0
