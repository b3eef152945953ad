"""What a sidecar accepts: chains by mTLS mode and protocol, inspectors, listeners that bind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lateen.model.security import MtlsMode
from lateen.model.service import Protocol
from lateen.xds.listeners.chain_matrix import chain_matches
from lateen.xds.snapshot import Config, Snapshot

MODES = (Path(__file__).parents[2] / "golden" / "snapshot" / "mutual-tls" / "in.yaml").read_text()
MTLS_HTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"]
MTLS_TCP = ["istio-peer-exchange", "istio"]
SNIFFED = ["http/1.1", "h2c"]

# (transport, ALPN) to (handled as HTTP, mesh TLS ends here), as semantics 3.1 of Istio's inbound chains.
EXPECTED: dict[int, list[tuple[str, list[str], bool, bool]]] = {
    8001: [("tls", MTLS_TCP + MTLS_HTTP, True, True), ("raw_buffer", [], True, False)],
    8002: [("tls", MTLS_TCP + MTLS_HTTP, False, True), ("tls", [], False, False), ("raw_buffer", [], False, False)],
    8003: [
        ("tls", MTLS_HTTP, True, True),
        ("raw_buffer", SNIFFED, True, False),
        ("tls", MTLS_TCP, False, True),
        ("raw_buffer", [], False, False),
        ("tls", [], False, False),
    ],
    8011: [("tls", [], True, True)],
    8012: [("tls", [], False, True)],
    8013: [("tls", MTLS_HTTP, True, True), ("tls", [], False, True)],
    8021: [("raw_buffer", [], True, False)],
    8022: [("raw_buffer", [], False, False)],
    8023: [("raw_buffer", SNIFFED, True, False), ("raw_buffer", [], False, False)],
}


@pytest.fixture(scope="module")
def modes(compiled: Callable[..., Snapshot]) -> Snapshot:
    return compiled(MODES.replace("{name: server, labels: {app: server}}", "{name: other}"))


def chains_of(listener: Config, port: int) -> list[Config]:
    return [c for c in listener["filter_chains"] if c.get("filter_chain_match", {}).get("destination_port", 0) == port]


@pytest.mark.parametrize("port", EXPECTED)
def test_a_port_has_the_chains_of_its_mode(modes: Snapshot, port: int) -> None:
    found = [
        (
            chain["filter_chain_match"]["transport_protocol"],
            chain["filter_chain_match"].get("application_protocols", []),
            chain["filters"][-1]["name"].endswith("http_connection_manager"),
            "transport_socket" in chain,
        )
        for chain in chains_of(modes.listeners["virtualInbound"], port)
    ]
    assert found == EXPECTED[port]


def test_chains_bear_istios_names_and_lead_to_the_ports_cluster(modes: Snapshot) -> None:
    chains = chains_of(modes.listeners["virtualInbound"], 8002)
    assert {chain["name"] for chain in chains} == {"0.0.0.0_8002"}
    assert {chain["filters"][-1]["typed_config"]["cluster"] for chain in chains} == {"inbound|8002||"}


def test_loops_end_and_undeclared_ports_pass_through(modes: Snapshot) -> None:
    listener = modes.listeners["virtualInbound"]
    blackhole, *passthrough = listener["filter_chains"][:6]
    assert blackhole["filter_chain_match"] == {"destination_port": 15006}
    assert blackhole["filters"][-1]["typed_config"]["cluster"] == "BlackHoleCluster"
    assert [chain["name"] for chain in passthrough] == [
        "virtualInbound-catchall-http",
        "virtualInbound-catchall-http",
        "virtualInbound",
        "virtualInbound",
        "virtualInbound",
    ]


def test_a_mode_for_a_port_without_service_adds_catch_all_chains_for_it(modes: Snapshot) -> None:
    chains = chains_of(modes.listeners["virtualInbound"], 9999)
    assert [chain["name"] for chain in chains] == ["virtualInbound-catchall-http", "virtualInbound"]
    assert all("transport_socket" in chain for chain in chains)


def test_inspectors_are_off_where_no_chain_asks(modes: Snapshot) -> None:
    """A server that speaks first on a plain TCP port must be heard."""
    filters = {f["name"].rpartition(".")[2]: f for f in modes.listeners["virtualInbound"]["listener_filters"]}
    assert list(filters) == ["original_dst", "tls_inspector", "http_inspector"]
    assert ports_of(filters["tls_inspector"]) == {8021, 8022, 8023, 15006}
    assert ports_of(filters["http_inspector"]) == {8001, 8002, 8011, 8012, 8013, 8021, 8022, 9999, 15006}


def ports_of(inspector: Config) -> set[int]:
    disabled = inspector["filter_disabled"]
    rules = disabled.get("or_match", {"rules": [disabled]})["rules"]
    return {rule["destination_port_range"]["start"] for rule in rules}


def test_an_inspector_that_undeclared_ports_do_not_need_is_on_for_named_ports_only(
    compiled: Callable[..., Snapshot],
) -> None:
    snapshot = compiled("""
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: tcp, port: 8002}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: server}
spec:
  selector: {matchLabels: {app: server}}
  mtls: {mode: DISABLE}
  portLevelMtls: {8002: {mode: STRICT}}
""")
    inspector = snapshot.listeners["virtualInbound"]["listener_filters"][1]
    assert inspector["name"].endswith("tls_inspector")
    assert inspector["filter_disabled"] == {"not_match": {"destination_port_range": {"start": 8002, "end": 8003}}}


def test_a_sidecar_never_offers_peer_exchange(modes: Snapshot) -> None:
    sockets = [
        c["transport_socket"] for c in modes.listeners["virtualInbound"]["filter_chains"] if "transport_socket" in c
    ]
    offered = {tuple(s["typed_config"]["common_tls_context"]["alpn_protocols"]) for s in sockets}
    assert offered == {("h2", "http/1.1")}


@pytest.mark.parametrize("mode", [MtlsMode.STRICT, MtlsMode.PERMISSIVE, MtlsMode.DISABLE])
@pytest.mark.parametrize("protocol", list(Protocol))
def test_no_kind_of_port_has_two_chains_that_envoy_cannot_tell_apart(mode: MtlsMode, protocol: Protocol) -> None:
    matches = [(m.transport, m.alpn) for m in chain_matches(mode, protocol)]
    assert len(set(matches)) == len(matches)


SERVER = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


def test_without_interception_each_port_binds_the_workloads_address(compiled: Callable[..., Snapshot]) -> None:
    metadata = {"INTERCEPTION_MODE": "NONE", "LATEEN_APP_ADDRESS": "127.24.2.1", "LATEEN_BIND_ADDRESS": "127.24.1.1"}
    snapshot = compiled(SERVER, metadata=metadata)
    (name,) = (name for name, config in snapshot.listeners.items() if config["traffic_direction"] == "INBOUND")
    listener: dict[str, Any] = snapshot.listeners[name]
    address = listener["address"]["socket_address"]
    assert name == f"{address['address']}_8080"
    assert listener["enable_reuse_port"] is False
    assert "bind_to_port" not in listener
    assert [f["name"].rpartition(".")[2] for f in listener["listener_filters"]] == ["tls_inspector"]


def test_tproxy_keeps_the_clients_address(compiled: Callable[..., Snapshot]) -> None:
    listener = compiled(SERVER, metadata={"INTERCEPTION_MODE": "TPROXY"}).listeners["virtualInbound"]
    assert listener["transparent"] is True
    assert listener["listener_filters"][1]["typed_config"]["mark"] == 1337


def test_a_connection_manager_forwards_who_called(compiled: Callable[..., Snapshot]) -> None:
    manager = chains_of(compiled(SERVER).listeners["virtualInbound"], 8080)[0]["filters"][-1]["typed_config"]
    assert manager["stat_prefix"] == "inbound_0.0.0.0_8080;"
    assert manager["forward_client_cert_details"] == "APPEND_FORWARD"
    assert manager["set_current_client_cert_details"] == {"subject": True, "dns": True, "uri": True}
    assert manager["use_remote_address"] is False
    assert manager["stream_idle_timeout"] == "0s"
    assert manager["route_config"]["name"] == "inbound|8080||"
