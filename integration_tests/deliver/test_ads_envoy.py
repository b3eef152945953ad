"""Delta ADS held against a real Envoy, on snapshots made by hand.

Requests take the whole way: listener `front` (plain) -> route `front` -> cluster `mesh` (mutual TLS, EDS) -> listener
`inbound` (mutual TLS) -> route `inbound` with the extension config `note` -> cluster `app` (EDS) -> a server.
"""

from __future__ import annotations

import copy
import random
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

T = "type.googleapis.com/envoy."
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
PEERS = {"san_type": "URI", "matcher": {"prefix": "spiffe://cluster.local/"}}
Snapshot = dict[str, Any]

pytestmark = pytest.mark.integration


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def tls(side: str, **fields: Any) -> dict[str, Any]:
    context = {
        "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": ADS}],
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": [PEERS]},
            "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": ADS},
        },
    }
    kind = f"{T}extensions.transport_sockets.tls.v3.{side}TlsContext"
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {"@type": kind, "common_tls_context": context, **fields},
    }


def cluster(name: str, **fields: Any) -> dict[str, Any]:
    source = {"eds_config": ADS, "service_name": name}
    return {"name": name, "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": source, **fields}


def endpoints(name: str, host: str, port: int) -> dict[str, Any]:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(host, port)}}]}]}


def listener(name: str, port: int, filters: list[dict[str, Any]], **chain: Any) -> dict[str, Any]:
    manager = {
        "@type": f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": ADS},
        "http_filters": [
            *filters,
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{T}extensions.filters.http.router.v3.Router"},
            },
        ],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": name,
        "address": address("127.26.0.1", port),
        "filter_chains": [{"filters": [network], **chain}],
        "enable_reuse_port": False,
    }


def route(name: str, to: str) -> dict[str, Any]:
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to}}]}
    return {"name": name, "virtual_hosts": [host]}


def lua(text: str) -> dict[str, Any]:
    code = f"function envoy_on_response(h) {text} end"
    config = {"@type": f"{T}extensions.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": code}}
    return {"name": "note", "typed_config": config}


def mesh() -> Snapshot:
    discovery = {"config_source": ADS, "type_urls": [f"{T}extensions.filters.http.lua.v3.Lua"]}
    inbound_tls = tls("Downstream", require_client_certificate=True)
    return {
        "listeners": {
            "front": listener("front", 8080, []),
            "inbound": listener(
                "inbound", 8443, [{"name": "note", "config_discovery": discovery}], transport_socket=inbound_tls
            ),
        },
        "routes": {"front": route("front", "mesh"), "inbound": route("inbound", "app")},
        "clusters": {"mesh": cluster("mesh", transport_socket=tls("Upstream")), "app": cluster("app")},
        "endpoints": {
            "mesh": endpoints("mesh", "127.26.0.1", 8443),
            "app": endpoints("app", "127.26.1.1", 8080),
        },
        "extensions": {"note": lua('h:headers():add("x-note", "0")')},
    }


@pytest.fixture
def running(server: Any, envoy: Any) -> Snapshot:
    """The mesh in force."""
    made = mesh()
    server.offer(made)
    server.start()
    server.wait("acked", generation=1)
    envoy.wait_ready()
    return made


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
