"""A mesh from YAML text, compiled for one of its proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import lateen
from lateen.model.placement import place_by_cidr
from lateen.source.document import Source
from lateen.xds.snapshot import Snapshot

Compile = Callable[..., Snapshot]

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}, version: v1, istio: {name}}}}}
spec:
  serviceAccountName: {name}
  containers: [{{name: app, image: app}}]
"""


@pytest.fixture(scope="session")
def compiled() -> Compile:
    """`compiled(yaml, proxy="server", mesh_config="", metadata={...})`: what that pod's Envoy gets.

    The pod itself, with the label `app`, need not be in the YAML.
    """

    def make(
        text: str, proxy: str = "server", mesh_config: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Snapshot:
        source = Source(f"{text}\n---{POD.format(name=proxy)}", "in.yaml")
        mesh = place_by_cidr(lateen.load(source, mesh_config=mesh_config or None), "192.0.2.0/24")
        found = next(p for p in mesh.proxies() if p.name == proxy)
        return lateen.compile(mesh, replace(found, metadata={**found.metadata, **(metadata or {})}))

    return make


def filter_chains(listener: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every chain of a listener, the default one last."""
    default = listener.get("default_filter_chain")
    return [*listener["filter_chains"], *([default] if default else [])]


def manager_of(chain: Mapping[str, Any]) -> dict[str, Any]:
    """The HTTP connection manager of a chain, empty for TCP."""
    last = chain["filters"][-1]
    return last["typed_config"] if last["name"].endswith("http_connection_manager") else {}


def cluster_of(chain: Mapping[str, Any]) -> Any:
    """Where a TCP chain leads: a cluster, or weights by cluster; None for HTTP."""
    config = chain["filters"][-1]["typed_config"]
    weighted = config.get("weighted_clusters", {}).get("clusters")
    return {c["name"]: c["weight"] for c in weighted} if weighted else config.get("cluster")
