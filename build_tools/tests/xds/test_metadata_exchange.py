"""What a proxy tells its peers of itself, and what it asks of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

import lateen
from lateen.xds.filters.metadata_exchange import configuration

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
