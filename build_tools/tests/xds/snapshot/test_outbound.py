"""What a sidecar takes from its workload: who shares a listener, who gets which chain, where it binds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lateen.xds.snapshot import Config, Snapshot

Compile = Callable[..., Snapshot]

SNIFFED = {"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]}


def service(name: str, *ports: str, more: str = "") -> str:
    listed = ", ".join(f"{{name: {port.split(':')[0]}, port: {port.split(':')[1]}}}" for port in ports)
    return f"\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{more}ports: [{listed}]}}\n"


def outline(listener: Config) -> list[tuple[Any, Any]]:
    """(match, where to) of each chain; `None` matches all, `http:NAME` is a route configuration."""
    chains = [*listener["filter_chains"], *filter(None, [listener.get("default_filter_chain")])]
    return [(chain.get("filter_chain_match"), _target(chain["filters"][-1]["typed_config"])) for chain in chains]


def _target(config: Config) -> Any:
    if "rds" in config:
        return f"http:{config['rds']['route_config_name']}"
    if "weighted_clusters" in config:
        return {c["name"].split("|")[3].split(".")[0]: c["weight"] for c in config["weighted_clusters"]["clusters"]}
    return config["cluster"].split("|")[-1].removesuffix(".default.svc.cluster.local")


def test_http_services_of_a_port_share_one_listener(compiled: Compile) -> None:
    snapshot = compiled(service("a", "http:9000") + service("b", "grpc:9000", more="clusterIP: 10.96.0.1, "))
    assert [name for name in snapshot.listeners if name.endswith("_9000")] == ["0.0.0.0_9000"]
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(SNIFFED, "http:9000"), (None, "PassthroughCluster")]


def test_what_is_not_http_on_an_http_port_goes_nowhere_under_registry_only(compiled: Compile) -> None:
    snapshot = compiled(service("a", "http:9000"), mesh_config="outboundTrafficPolicy: {mode: REGISTRY_ONLY}")
    assert outline(snapshot.listeners["0.0.0.0_9000"])[-1] == (None, "BlackHoleCluster")
    assert outline(snapshot.listeners["virtualOutbound"])[-1] == (None, "BlackHoleCluster")


@pytest.mark.parametrize(("first", "second"), [("http", "tcp"), ("tcp", "http")])
def test_http_and_tcp_on_one_port_are_told_apart_by_sniffing(compiled: Compile, first: str, second: str) -> None:
    snapshot = compiled(service("a", f"{first}:9000") + service("b", f"{second}:9000"))
    tcp = "a" if first == "tcp" else "b"
    assert sorted(outline(snapshot.listeners["0.0.0.0_9000"]), key=str) == sorted(
        [(SNIFFED, "http:9000"), (None, tcp)], key=str
    )
    assert snapshot.diagnostics == ()


def test_a_tcp_service_without_address_takes_the_port_from_the_next(compiled: Compile) -> None:
    snapshot = compiled(service("a", "tcp:9000") + service("b", "tcp:9000"))
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(None, "a")]
    (finding,) = snapshot.diagnostics
    assert finding.code == "LAT0441"
    assert "9000 of b.default.svc.cluster.local reach a.default.svc.cluster.local" in finding.message
    assert finding.origin.line == 11


def test_tcp_services_with_addresses_do_not_meet(compiled: Compile) -> None:
    snapshot = compiled(
        service("a", "tcp:9000", more="clusterIP: 10.96.0.1, ")
        + service("b", "tcp:9000", more="clusterIP: 10.96.0.2, ")
    )
    assert outline(snapshot.listeners["10.96.0.1_9000"]) == [(None, "a")]
    assert outline(snapshot.listeners["10.96.0.2_9000"]) == [(None, "b")]
    assert snapshot.listeners["10.96.0.1_9000"]["bind_to_port"] is False
    assert "listener_filters" not in snapshot.listeners["10.96.0.1_9000"]
    assert snapshot.diagnostics == ()


def test_an_undeclared_port_is_sniffed_and_its_own_cluster_takes_the_rest(compiled: Compile) -> None:
    snapshot = compiled(service("a", "any:9000") + service("b", "any:9001", more="clusterIP: 10.96.0.2, "))
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(SNIFFED, "http:9000"), (None, "a")]
    own_routes = "http:b.default.svc.cluster.local:9001"
    assert outline(snapshot.listeners["10.96.0.2_9001"]) == [(SNIFFED, own_routes), (None, "b")]
    assert own_routes.removeprefix("http:") in snapshot.routes


def test_protocols_in_which_the_server_speaks_first_are_never_sniffed(compiled: Compile) -> None:
    snapshot = compiled(service("a", "mysql:9000") + service("b", "http:9000"))
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(None, "a")]
    assert [finding.code for finding in snapshot.diagnostics] == ["LAT0441"]


def test_a_headless_service_is_reached_at_each_endpoint_but_never_at_its_own(compiled: Compile) -> None:
    text = service("db", "tcp:5432", more="clusterIP: None, selector: {tier: db}, ") + "".join(
        f"\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{tier: db}}}}\n"
        f"spec: {{containers: [{{name: c}}]}}\nstatus: {{podIP: {address}}}\n"
        for name, address in (("db-0", "198.51.100.1"), ("db-1", "198.51.100.2"))
    )
    snapshot = compiled(text)
    assert {"198.51.100.1_5432", "198.51.100.2_5432"} <= snapshot.listeners.keys()
    assert "0.0.0.0_5432" not in snapshot.listeners


ENTRY = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME}
spec: {hosts: [NAME.example], RESTports: [{name: p, number: PORT, protocol: PROTOCOL}]}
"""


def entry(name: str, port: int, protocol: str, rest: str) -> str:
    text = ENTRY.replace("NAME", name).replace("PORT", str(port)).replace("PROTOCOL", protocol)
    return text.replace("REST", f"{rest}, ")


def test_ranges_are_matched_on_the_wildcard_and_the_first_of_equal_ones_wins(compiled: Compile) -> None:
    rest = "resolution: NONE, addresses: [172.16.0.0/12, 192.0.2.77/32]"
    snapshot = compiled(
        entry("a", 9000, "TCP", rest) + entry("b", 9000, "TCP", "resolution: NONE, addresses: [172.16.0.0/12]")
    )
    ranges = {"prefix_ranges": [{"address_prefix": "172.16.0.0", "prefix_len": 12}]}
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(ranges, "a.example"), (None, "PassthroughCluster")]
    assert outline(snapshot.listeners["192.0.2.77_9000"]) == [(None, "a.example")]
    assert [finding.code for finding in snapshot.diagnostics] == ["LAT0441"]


def test_tls_is_told_apart_by_the_name_that_is_asked_for(compiled: Compile) -> None:
    snapshot = compiled(entry("a", 9000, "TLS", "resolution: DNS") + entry("b", 9000, "HTTPS", "resolution: DNS"))
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [
        ({"server_names": ["a.example"]}, "a.example"),
        ({"server_names": ["b.example"]}, "b.example"),
        (None, "PassthroughCluster"),
    ]
    (inspector,) = snapshot.listeners["0.0.0.0_9000"]["listener_filters"]
    assert inspector["name"].endswith("tls_inspector")


def test_tls_rules_lead_by_name(compiled: Compile) -> None:
    snapshot = compiled(
        entry("a", 9000, "TLS", "resolution: DNS")
        + service("proxy", "tcp:9443")
        + """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.example]
  tls:
  - match: [{port: 9000, sniHosts: [a.example]}]
    route: [{destination: {host: proxy, port: {number: 9443}}}]
"""
    )
    assert outline(snapshot.listeners["0.0.0.0_9000"])[0] == ({"server_names": ["a.example"]}, "proxy")
    origin = snapshot.origins["listeners", "0.0.0.0_9000", "filter_chains[0]"]
    assert origin.resource == "VirtualService default/a"


def test_tcp_rules_share_by_weight_and_by_destination(compiled: Compile) -> None:
    snapshot = compiled(
        service("a", "tcp:9000")
        + service("b", "tcp:9001")
        + """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  tcp:
  - match: [{destinationSubnets: [10.1.0.0/16]}]
    route: [{destination: {host: b}}]
  - route:
    - {destination: {host: a}, weight: 90}
    - {destination: {host: b}, weight: 10}
"""
    )
    ranges = {"prefix_ranges": [{"address_prefix": "10.1.0.0", "prefix_len": 16}]}
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(ranges, "b"), (None, {"a": 90, "b": 10})]


def test_the_second_virtual_service_of_a_host_holds_where_the_first_says_nothing(compiled: Compile) -> None:
    virtual_service = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s}
spec:
  hosts: [%s]
  %s
"""
    http = "http: [{match: [{port: %s}], route: [{destination: {host: a, subset: %s}}]}]"
    tls = "tls: [{match: [{sniHosts: ['%s']}], route: [{destination: {host: %s}}]}]"
    snapshot = compiled(
        service("a", "http:9000", "http:9001")
        + service("b", "tls:9443")
        + virtual_service % ("old", "a", http % (9000, "old"))
        + virtual_service % ("young", "a", "http: [{route: [{destination: {host: a, subset: young}}]}]")
        + virtual_service % ("sni-1", "b.default.svc.cluster.local", tls % ("b.default.svc.cluster.local", "a"))
        + virtual_service % ("sni-2", "b, '*.default.svc.cluster.local'", tls % ("*.default.svc.cluster.local", "b"))
    )
    chosen = {
        port: snapshot.routes[port]["virtual_hosts"][0]["routes"][0]["route"]["cluster"] for port in ("9000", "9001")
    }
    assert chosen == {
        "9000": "outbound|9000|old|a.default.svc.cluster.local",
        "9001": "outbound|9001|young|a.default.svc.cluster.local",
    }
    names = [
        chain["filter_chain_match"]["server_names"]
        for name, listener in snapshot.listeners.items()
        for chain in listener["filter_chains"]
        if name.endswith("_9443")
    ]
    assert names == [["b.default.svc.cluster.local"], ["*.default.svc.cluster.local"]]


SIDECAR = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec:
  egress:
  - port: {number: 9000, name: http, protocol: HTTP}
    hosts: [./a.default.svc.cluster.local]
  - port: {number: 3128, name: proxy, protocol: HTTP_PROXY}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: [./*]
  - hosts: [./*]
"""


def test_a_sidecars_port_belongs_to_the_services_that_it_lists(compiled: Compile) -> None:
    snapshot = compiled(service("a", "http:9000") + service("b", "tcp:9000") + SIDECAR)
    assert outline(snapshot.listeners["0.0.0.0_9000"]) == [(SNIFFED, "http:9000"), (None, "PassthroughCluster")]
    assert [host["name"] for host in snapshot.routes["9000"]["virtual_hosts"]] == [
        "a.default.svc.cluster.local:9000",
        "allow_any",
    ]


def test_a_sidecars_proxy_port_binds_and_takes_tunnels(compiled: Compile) -> None:
    snapshot = compiled(service("a", "http:9000") + SIDECAR)
    listener = snapshot.listeners["127.0.0.1_3128"]
    assert "bind_to_port" not in listener
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    assert {"upgrade_type": "CONNECT"} in manager["upgrade_configs"]


def test_what_a_sidecar_lets_in_at_its_proxy_port_has_no_other_listener(compiled: Compile) -> None:
    sidecar = SIDECAR.replace("  - hosts: [./*]\n", "").replace("./a.default.svc.cluster.local", "~/*")
    snapshot = compiled(service("a", "http:9000") + service("b", "tcp:9001") + sidecar)
    assert set(snapshot.listeners) == {"127.0.0.1_3128", "virtualOutbound", "virtualInbound"}
    assert {name for name in snapshot.clusters if name.startswith("outbound")} == {
        "outbound|9000||a.default.svc.cluster.local",
        "outbound|9001||b.default.svc.cluster.local",
    }
    hosts = {host["name"] for host in snapshot.routes["3128"]["virtual_hosts"]}
    assert hosts == {"a.default.svc.cluster.local:9000", "b.default.svc.cluster.local:9001", "allow_any"}


PROCESS = {
    "INTERCEPTION_MODE": "NONE",
    "LATEEN_OUTBOUND_ADDRESS": "127.24.3.1",
    "LATEEN_BIND_ADDRESS": "127.24.1.1",
    "LATEEN_TCP_ADDRESSES": {
        "a.default.svc.cluster.local:7070": "127.24.4.1",
        "b.default.svc.cluster.local:7070": "127.24.4.2",
    },
}


def test_without_interception_listeners_bind_the_outbound_address(compiled: Compile) -> None:
    text = service("a", "tcp:7070") + service("b", "tcp:7070") + service("c", "http:8080")
    snapshot = compiled(text, metadata=PROCESS)
    assert "virtualOutbound" not in snapshot.listeners
    assert outline(snapshot.listeners["127.24.4.1_7070"]) == [(None, "a")]
    assert outline(snapshot.listeners["127.24.4.2_7070"]) == [(None, "b")]
    assert outline(snapshot.listeners["127.24.3.1_8080"]) == [(None, "http:8080")]
    assert all(config["enable_reuse_port"] is False for config in snapshot.listeners.values())
    assert snapshot.diagnostics == ()


def test_applications_that_know_nothing_have_an_http_proxy(compiled: Compile) -> None:
    snapshot = compiled(service("c", "http:8080"), metadata=PROCESS)
    listener = snapshot.listeners["127.24.3.1_15002"]
    assert outline(listener) == [(None, "http:http_proxy")]
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    assert manager["http_protocol_options"] == {"accept_http_10": True}
    assert [u["upgrade_type"] for u in manager["upgrade_configs"]] == ["websocket", "CONNECT"]


def test_privileged_ports_get_no_listener_and_one_note(compiled: Compile) -> None:
    snapshot = compiled(service("a", "http:80") + service("b", "http:80"), metadata=PROCESS)
    assert not any(name.endswith("_80") for name in snapshot.listeners)
    (finding,) = snapshot.diagnostics
    assert finding.code == "LAT0442"
    assert finding.severity.label == "info"
    assert "a.default.svc.cluster.local, b.default.svc.cluster.local" in finding.message
    assert len(finding.related) == 1


def test_calls_of_the_capture_port_itself_end(compiled: Compile) -> None:
    listener = compiled("").listeners["virtualOutbound"]
    assert listener["use_original_dst"] is True
    assert outline(listener) == [({"destination_port": 15001}, "BlackHoleCluster"), (None, "PassthroughCluster")]
