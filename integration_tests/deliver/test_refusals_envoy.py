"""Refusals of a real Envoy: each is about the right resource, and holds nothing else back."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest

from .resources import Snapshot, cluster, endpoints, listener, lua, route, tls

pytestmark = pytest.mark.integration


def nacks(server: Any, mark: int) -> set[tuple[str, str]]:
    return {(e["type"], e["name"]) for e in server.events[mark:] if e["event"] == "nack"}


def bad_listener(made: Snapshot) -> None:
    made["listeners"]["taken"] = listener("taken", 15000, [])
    made["routes"]["taken"] = route("taken", "app")


def bad_cluster(made: Snapshot) -> None:
    made["clusters"]["bad"] = {"name": "bad", "type": "ORIGINAL_DST"}


def nameless_cluster(made: Snapshot) -> None:
    made["clusters"]["bad"] = {"name": "bad", "type": "STATIC", "connect_timeout": "-1s"}


def bad_endpoints(made: Snapshot) -> None:
    made["endpoints"]["app"]["endpoints"][0]["lb_endpoints"][0]["load_balancing_weight"] = 0
    made["endpoints"]["mesh"]["endpoints"][0]["locality"] = {"zone": "new"}


def bad_endpoints_of_a_new_cluster(made: Snapshot) -> None:
    made["clusters"]["bad"] = cluster("bad")
    made["endpoints"]["bad"] = endpoints("bad", "127.26.1.1", 8080)
    made["endpoints"]["bad"]["endpoints"][0]["lb_endpoints"][0]["load_balancing_weight"] = 0


def bad_route(made: Snapshot) -> None:
    match = {"safe_regex": {"regex": "(?=x)"}}
    made["routes"]["inbound"]["virtual_hosts"][0]["routes"].insert(0, {"match": match, "route": {"cluster": "app"}})


def bad_extension(made: Snapshot) -> None:
    made["extensions"]["note"] = lua("this is (")


def bad_secret(made: Snapshot) -> None:
    pair = {"certificate_chain": {"inline_string": "a"}, "private_key": {"inline_string": "b"}}
    made["secrets"] = {"bad": {"name": "bad", "tls_certificate": pair}}
    made["clusters"]["other"] = cluster("other", transport_socket=tls("Upstream"))
    context = made["clusters"]["other"]["transport_socket"]["typed_config"]["common_tls_context"]
    context["tls_certificate_sds_secret_configs"][0]["name"] = "bad"
    made["endpoints"]["other"] = endpoints("other", "127.26.0.1", 8443)


@pytest.mark.parametrize(
    ("spoil", "accused"),
    [
        (bad_listener, ("Listener", "taken")),
        (bad_cluster, ("Cluster", "bad")),
        (nameless_cluster, ("Cluster", "bad")),
        (bad_endpoints, ("ClusterLoadAssignment", "app")),
        (bad_endpoints_of_a_new_cluster, ("ClusterLoadAssignment", "bad")),
        (bad_route, ("RouteConfiguration", "inbound")),
        (bad_extension, ("TypedExtensionConfig", "note")),
        (bad_secret, ("Secret", "bad")),
    ],
)
def test_a_refusal_names_its_resource_and_everything_else_comes_through(
    running: Snapshot,
    server: Any,
    envoy: Any,
    traffic: Any,
    spoil: Callable[[Snapshot], None],
    accused: tuple[str, str],
) -> None:
    kind, name = accused
    bad = copy.deepcopy(running)
    spoil(bad)
    bad["clusters"]["good"] = cluster("good")
    bad["endpoints"]["good"] = endpoints("good", "127.26.1.1", 8080)
    bad["routes"]["front"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"] = "good"
    mark = len(server.events)
    before = envoy.counters()
    with traffic("127.26.0.1", 8080) as seen:
        server.offer(bad)
        server.wait("nack", since=mark, type=kind, name=name)
        server.wait("sent", since=mark, type="RouteConfiguration", name="front")
        time.sleep(0.2)
    assert nacks(server, mark) == {accused}
    assert seen.failed == []
    after = envoy.counters()
    reloaded = "http.front.rds.front.config_reload"
    assert after[reloaded] == before[reloaded] + 1
    with traffic("127.26.0.1", 8080) as seen:
        server.edit(running)
    assert seen.failed == []


@pytest.mark.parametrize(
    ("spoil", "accused"),
    [(bad_extension, ("TypedExtensionConfig", "note")), (bad_secret, ("Secret", "bad"))],
)
def test_a_verdict_that_envoy_takes_back_on_sight_of_the_same_bytes_is_not_forgotten(
    running: Snapshot, server: Any, spoil: Callable[[Snapshot], None], accused: tuple[str, str]
) -> None:
    spoil(running)
    mark = len(server.events)
    server.offer(running)
    server.wait("nack", since=mark)
    server.stop()
    mark = len(server.events)
    server.start()
    server.wait("nack", since=mark, type=accused[0], name=accused[1])
    time.sleep(0.3)
    assert [e for e in server.events[mark:] if e["event"] == "acked"] == []


def test_a_missing_secret_holds_back_neither_its_cluster_nor_later_edits(
    running: Snapshot, server: Any, envoy: Any
) -> None:
    bad_secret(running)
    secrets = running.pop("secrets")
    server.edit(running)
    running["routes"]["front"]["virtual_hosts"][0]["name"] = "other"
    server.edit(running)
    mark = len(server.events)
    server.offer(running | {"secrets": secrets})
    server.wait("nack", since=mark, type="Secret", name="bad")
