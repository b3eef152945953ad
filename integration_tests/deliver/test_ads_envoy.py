"""Delta ADS held against a real Envoy: edits, a server that is killed, and an Envoy that comes first."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from .resources import Snapshot, cluster, endpoints, lua, mesh, tls

pytestmark = pytest.mark.integration


class Editor:
    """Edits of each kind; `moved` is what Envoy's counters must have moved by since the editor was made."""

    def __init__(self, server: Any, made: Snapshot) -> None:
        self._server, self._made, self._number = server, made, 0
        self.moved: dict[str, int] = dict.fromkeys(COUNTERS, 0)

    def route(self) -> None:
        self._made["routes"]["front"]["virtual_hosts"][0]["name"] = f"all-{self._next()}"
        self._put("http.front.rds.front.config_reload")

    def endpoints(self) -> None:
        one, other = (endpoints("app", f"127.26.1.{n}", 8080) for n in (1, 2))
        self._made["endpoints"]["app"] = other if self._made["endpoints"]["app"] == one else one
        self._put("cluster_manager.cluster_updated")

    def cluster(self) -> None:
        self._made["clusters"]["app"]["connect_timeout"] = f"{self._next() + 1}s"
        self._put("cluster_manager.cluster_modified")

    def tls_cluster(self) -> None:
        self._made["clusters"]["mesh"]["connect_timeout"] = f"{self._next() + 1}s"
        self._put("cluster_manager.cluster_modified")

    def listener(self) -> None:
        self._made["listeners"]["front"]["per_connection_buffer_limit_bytes"] = 40_000 + self._next()
        self._put("listener_manager.listener_modified")

    def filter_chain(self) -> None:
        chain = self._made["listeners"]["inbound"]["filter_chains"][0]
        chain["filters"][0]["typed_config"]["server_name"] = f"server-{self._next()}"
        self._put("listener_manager.listener_modified", "listener_manager.listener_in_place_updated")

    def leaf(self) -> None:
        shutil.rmtree(self._server.folder / "certificates")
        self._made["certificate_life"] = 3600 + self._next()
        self._put("sds.default.update_success")

    def extension(self) -> None:
        self._made["extensions"]["note"] = lua(f'h:headers():add("x-note", "{self._next()}")')
        self._put("extension_config_discovery.http_filter.note.config_reload")

    def switch_to_new_cluster(self) -> None:
        """The route leads to a cluster that is new; the old one is removed."""
        old = self._made["routes"]["front"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"]
        name = f"mesh-{self._next()}"
        self._made["clusters"][name] = cluster(name, transport_socket=tls("Upstream"))
        self._made["endpoints"][name] = endpoints(name, "127.26.0.1", 8443)
        if old != "mesh":
            del self._made["clusters"][old], self._made["endpoints"][old]
            self.moved["cluster_manager.cluster_removed"] += 1
        self._made["routes"]["front"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"] = name
        self._put("cluster_manager.cluster_added", "http.front.rds.front.config_reload")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _put(self, *counters: str) -> None:
        for name in counters:
            self.moved[name] += 1
        self._server.edit(self._made)


COUNTERS = (
    "http.front.rds.front.config_reload",
    "http.inbound.rds.inbound.config_reload",
    "cluster_manager.cluster_added",
    "cluster_manager.cluster_modified",
    "cluster_manager.cluster_removed",
    "cluster_manager.cluster_updated",
    "listener_manager.listener_added",
    "listener_manager.listener_modified",
    "listener_manager.listener_in_place_updated",
    "listener_manager.listener_removed",
    "sds.default.update_success",
    "sds.ROOTCA.update_success",
    "extension_config_discovery.http_filter.note.config_reload",
)

KINDS: tuple[Callable[[Editor], None], ...] = (
    Editor.route,
    Editor.endpoints,
    Editor.cluster,
    Editor.tls_cluster,
    Editor.listener,
    Editor.filter_chain,
    Editor.leaf,
    Editor.extension,
    Editor.switch_to_new_cluster,
)


def moved(envoy: Any, before: dict[str, int], expected: dict[str, int]) -> dict[str, int]:
    """By how much counters moved; some do so only when the workers have taken what was acknowledged."""
    deadline, found = time.monotonic() + 2, {}
    while found != expected and time.monotonic() < deadline:
        time.sleep(0.1)
        after = envoy.counters()
        found = {name: after.get(name, 0) - before.get(name, 0) for name in COUNTERS}
    return found


def test_each_edit_moves_exactly_its_counters(running: Snapshot, envoy: Any, server: Any) -> None:
    for edit in KINDS:
        before, editor = envoy.counters(), Editor(server, running)
        edit(editor)
        assert moved(envoy, before, editor.moved) == editor.moved, edit.__name__


def test_two_hundred_edits_under_traffic_fail_no_request(
    running: Snapshot, envoy: Any, server: Any, traffic: Any
) -> None:
    before, editor, chance = envoy.counters(), Editor(server, running), random.Random(4)
    with traffic("127.26.0.1", 8080) as seen:
        for _ in range(200):
            chance.choice(KINDS)(editor)
    assert seen.failed == []
    assert len(seen.answers) > 400
    assert set(seen.answers) == {"127.26.1.1", "127.26.1.2"}
    assert moved(envoy, before, editor.moved) == editor.moved


def test_a_killed_server_fails_no_request_and_its_successor_sends_nothing(
    running: Snapshot, server: Any, traffic: Any
) -> None:
    with traffic("127.26.0.1", 8080) as seen:
        time.sleep(0.3)
        server.stop()
        time.sleep(0.5)
        mark = len(server.events)
        server.start()
        server.wait("acked", since=mark)
        time.sleep(0.3)
    assert server.sent(mark) == []
    assert seen.failed == []
    assert len(seen.answers) > 100


def test_edits_while_no_server_runs_arrive_with_its_successor(
    running: Snapshot, envoy: Any, server: Any, traffic: Any
) -> None:
    server.stop()
    running["clusters"]["mesh"]["connect_timeout"] = "3s"
    running["routes"]["front"]["virtual_hosts"][0]["name"] = "other"
    server.offer(running)
    mark = len(server.events)
    with traffic("127.26.0.1", 8080) as seen:
        server.start()
        server.wait("acked", since=mark)
    assert server.sent(mark) == [
        ("Cluster", "mesh"),
        ("ClusterLoadAssignment", "mesh"),
        ("RouteConfiguration", "front"),
    ]
    assert seen.failed == []


def test_an_envoy_that_starts_before_its_server_waits_and_then_takes_everything(envoy: Any, server: Any) -> None:
    time.sleep(0.5)
    server.offer(mesh())
    server.start()
    server.wait("acked", generation=1)
    envoy.wait_ready()


def test_an_idle_stream_stays_open_under_keepalive_pings(running: Snapshot, server: Any) -> None:
    time.sleep(4)
    assert [e for e in server.events if e["event"] == "connected"] == [{"event": "connected"}]
