"""What a proxy tells its peers of itself, and what it asks of them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

import lateen
from lateen.xds.filters.metadata_exchange import configuration

ENTRY = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: ["{host}"]
  location: {location}
  resolution: {resolution}
  ports: [{{number: 80, name: http, protocol: {protocol}}}]
"""
OUTSIDE = [("dns", "a.example", "DNS"), ("static", "b.example", "STATIC"), ("any", "*.c.example", "NONE")]
IDENTITY = ["x-envoy-peer-metadata", "x-envoy-peer-metadata-id"]

LABELS = {"app": "web", "version": "v1", "team": "front", "example.com/tier": "gold", "private": "x"}


def told(config: dict[str, Any]) -> Any:
    """The labels in the description that is sent."""
    message = Struct.FromString(base64.b64decode(config["description"]))
    return json_format.MessageToDict(message)["LABELS"]


def web(**metadata: str) -> dict[str, Any]:
    return configuration(lateen.Proxy("web-0", labels=LABELS, workload="web", metadata=metadata))


def test_a_proxy_tells_the_labels_that_metrics_have_and_no_others() -> None:
    config = web()
    canonical = {"service.istio.io/canonical-name": "web", "service.istio.io/canonical-revision": "v1"}
    assert told(config) == {"app": "web", "version": "v1", **canonical}
    assert config.keys() == {"role", "node_id", "description", "propagation"}
    assert config["propagation"] == "mesh_clusters", "unless clusters are known to take it off"


def test_labels_that_the_mesh_names_are_told_and_asked_for() -> None:
    config = web(LATEEN_PEER_LABELS="team, example.com/tier,absent")
    assert {"team": "front", "example.com/tier": "gold"}.items() <= told(config).items()
    assert config["additional_labels"] == {name: name for name in ("team", "example.com/tier", "absent")}


def test_more_labels_than_the_filter_takes_do_not_count() -> None:
    config = web(LATEEN_PEER_LABELS=",".join(f"label-{n}" for n in range(40)))
    assert len(config["additional_labels"]) == 16


@pytest.mark.parametrize(("value", "expected"), [("true", "istio_headers_or_baggage"), ("false", None)])
def test_baggage_is_believed_only_where_it_is_asked_for(value: str, expected: str | None) -> None:
    assert web(LATEEN_PEER_BAGGAGE=value).get("discovery") == expected


def test_equal_proxies_send_equal_bytes_whatever_the_order_of_their_labels() -> None:
    reversed_labels = dict(reversed(LABELS.items()))
    again = configuration(lateen.Proxy("web-0", labels=reversed_labels, workload="web"))
    assert again == web()


def stripped(cluster: dict[str, Any]) -> list[str]:
    """The headers that a cluster takes off its requests."""
    options = cluster.get("typed_extension_protocol_options", {}).values()
    filters = [each["typed_config"] for option in options for each in option.get("http_filters", ())]
    mutations = [one for each in filters for one in each.get("mutations", {}).get("request_mutations", ())]
    return [one["remove"] for one in mutations]


@pytest.mark.parametrize("kind", ["sidecar", "router"])
@pytest.mark.parametrize("protocol", ["HTTP", "HTTP2"])
def test_every_request_carries_the_description_and_clusters_out_of_the_mesh_take_it_off(
    kind: Any, protocol: str
) -> None:
    entries = [
        ENTRY.format(name=name, host=host, location="MESH_EXTERNAL", resolution=resolution, protocol=protocol)
        for name, host, resolution in OUTSIDE
    ]
    inside = ENTRY.format(name="in", host="in.shop", location="MESH_INTERNAL", resolution="DNS", protocol=protocol)
    mesh = lateen.load(lateen.Source("".join(entries) + inside, "mesh.yaml"))
    snapshot = lateen.compile(mesh, lateen.Proxy("web-0", namespace="shop", kind=kind))
    (extension,) = (value for name, value in snapshot.extensions.items() if name == "istio.metadata_exchange")
    assert json.loads(extension["typed_config"]["config"]["configuration"]["value"])["propagation"] == "all_clusters"
    outside = {f"outbound|80||{host}" for _, host, _ in OUTSIDE} | (
        {"PassthroughCluster"} if kind == "sidecar" else set()
    )
    removed = {name: stripped(cluster) for name, cluster in snapshot.clusters.items()}
    assert {name for name, headers in removed.items() if headers == IDENTITY} == outside
    assert removed["outbound|80||in.shop"] == []
