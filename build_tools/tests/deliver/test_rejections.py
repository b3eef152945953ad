from __future__ import annotations

import pytest

from lateen.deliver.protocol import CLUSTER, ENDPOINT, LISTENER, ROUTE
from lateen.deliver.rejections import explained, reasons, shorten
from lateen.schema import Schema

DUMPED = """name: "bad"
connect_timeout { seconds: 1 }
Proto constraint validation failed (ClusterValidationError.Name: value length must be at least 1 characters): name: ""
lb_policy: RING_HASH"""


def test_envoy_names_bad_listeners_one_per_line() -> None:
    text = "Error adding/updating listener(s) 0.0.0.0_80: cannot bind\nvirtualInbound: no\nfilter chain"
    assert reasons(LISTENER, ["virtualInbound", "0.0.0.0_80", "good"], text) == {
        "0.0.0.0_80": "cannot bind",
        "virtualInbound": "no filter chain",
    }


@pytest.mark.parametrize("name", ["outbound|80||a.b", "in(bound)", "a.c", "a"])
def test_names_are_taken_literally(name: str) -> None:
    text = f"Error adding/updating cluster(s) {name}: why"
    assert reasons(CLUSTER, ["abc", name, f"{name}: x"], text) == {name: "why"}


def test_a_name_inside_a_reason_accuses_nobody() -> None:
    text = "Error adding/updating cluster(s) a: conflicts with b: no"
    assert reasons(CLUSTER, ["a", "b"], text) == {"a": "conflicts with b: no"}


def test_a_text_without_names_accuses_nobody_of_several() -> None:
    assert reasons(CLUSTER, ["a", "b"], "Invalid duration") == {}


@pytest.mark.parametrize("type_url", [ENDPOINT, ROUTE])
def test_types_that_are_never_named_are_not_guessed(type_url: str) -> None:
    assert reasons(type_url, ["a", "b"], "a: weird") == {}


def test_a_single_resource_needs_no_name() -> None:
    assert reasons(ROUTE, ["r"], "invalid perl operator: (?=") == {"r": "invalid perl operator: (?="}
    assert reasons(CLUSTER, ["c"], "Error adding/updating cluster(s) c: why") == {"c": "why"}


def test_a_dump_of_the_message_is_left_out() -> None:
    assert shorten(DUMPED) == (
        "Proto constraint validation failed (ClusterValidationError.Name: value length must be at least 1 characters)"
    )


def test_a_reason_is_one_line() -> None:
    assert shorten("Invalid duration:   \nseconds: -1\n") == "Invalid duration: seconds: -1"


CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("why", {"name": ""}, "why"),
        ('name: "x"...(truncated)', None, 'name: "x"...(truncated)'),
        ('name: ""...(truncated)', {"name": ""}, "name: "),
        ('name: "x"...(truncated)', {"name": "x"}, "Envoy's reason is cut off"),
    ],
)
def test_a_reason_that_envoy_cut_off_is_found_by_the_schema(text: str, config: object, expected: str) -> None:
    assert explained(text, CLUSTER_TYPE, config, Schema.default()).startswith(expected)
