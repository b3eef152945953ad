"""Who a workload is stays in the mesh, whatever way a request takes out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import Run, client, eventually
from meshes import deployment, documents, service, virtual_service, write

IDENTITY = ("x-envoy-peer-metadata", "x-envoy-peer-metadata-id")

# The header makes the second rule match. Envoy chooses a route anew after the code has changed a header, when the
# caller's identity has long been added for the first one.
REROUTE = "function envoy_on_request(handle) handle:headers():add('x-out', 'yes') end"


def partner(**container: Any) -> list[dict]:  # type: ignore[type-arg]
    """A workload outside of the mesh, known to it by a ServiceEntry."""
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "partner"},
        "spec": {
            "hosts": ["partner.example"],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 8080, "name": "http", "protocol": "HTTP"}],
            "workloadSelector": {"labels": {"app": "partner"}},
        },
    }
    return [deployment("partner", inject=False, **container), entry]


def rerouted() -> list[dict]:  # type: ignore[type-arg]
    """Calls to `inside` are sent out of the mesh by a route that is chosen late."""
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "inside"},
        "spec": {
            "hosts": ["inside"],
            "http": [
                {
                    "match": [{"headers": {"x-out": {"exact": "yes"}}}],
                    "route": [{"destination": {"host": "partner.example"}}],
                },
                {"route": [{"destination": {"host": "inside"}}]},
            ],
        },
    }
    lua = {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": {"name": "reroute"},
        "spec": {"match": [{"mode": "CLIENT"}], "lua": {"inlineCode": REROUTE}},
    }
    return [route, lua]


@pytest.mark.parametrize(("extra", "host"), [([], "partner.example"), (rerouted(), "inside")], ids=["direct", "late"])
def test_identity_never_leaves_the_mesh(extra: list, host: str, directory: Path, up: Run) -> None:  # type: ignore[type-arg]
    objects = [deployment("web"), service("web"), deployment("inside"), service("inside"), *partner(), *extra]
    with up(write(directory, workloads=documents(*objects))) as running:
        answer = client(running, "web").get(f"http://{host}:8080/", timeout=10).json()
    assert answer["name"].startswith("partner")
    assert [name for name in answer["headers"] if name.lower() in IDENTITY] == []


def test_a_mirrored_request_does_not_say_who_calls(directory: Path, up: Run) -> None:
    recorder = partner(command=["python3", "app/record.py"])
    mirrored = virtual_service("inside", mirror={"host": "partner.example"})
    objects = [deployment("web"), service("web"), deployment("inside"), service("inside"), *recorder, mirrored]
    with up(write(directory, workloads=documents(*objects))) as running:
        assert client(running, "web").get("http://inside:8080/", timeout=10).ok
        said = running.files.log("partner-0.default.app")
        eventually(lambda: "\r\n\r\n" in said.read_bytes().decode())
        assert [name for name in IDENTITY if name in said.read_text().lower()] == []
