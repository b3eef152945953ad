"""What a router serves: chains by server, names that are asked for, where it binds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import lateen
from lateen.model.placement import place_by_cidr
from lateen.source.document import Source
from lateen.xds.snapshot import Config, Snapshot

Serve = Callable[..., Snapshot]

ROUTER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata: {annotations: {inject.istio.io/templates: gateway}, labels: {istio: edge}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{name: tcp, port: 5432}, {name: web, port: 8000, appProtocol: http}]}
"""


@pytest.fixture(scope="module")
def serve() -> Serve:
    """`serve(*servers, routes="", metadata={})`: a router with a Gateway of these servers (YAML flow mappings)."""

    def make(*servers: str, routes: str = "", metadata: Mapping[str, Any] | None = None) -> Snapshot:
        gateway = (
            "\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge}\n"
            "spec:\n  selector: {istio: edge}\n  servers:\n" + "".join(f"  - {server}\n" for server in servers)
        )
        mesh = lateen.load(Source(ROUTER + gateway + routes, "in.yaml"))
        mesh = place_by_cidr(mesh, "192.0.2.0/24")
        (proxy,) = mesh.proxies()
        return lateen.compile(mesh, replace(proxy, metadata={**proxy.metadata, **(metadata or {})}))

    return make


def virtual_service(hosts: str, rules: str) -> str:
    return (
        "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: routes}\n"
        f"spec:\n  hosts: {hosts}\n  gateways: [edge]\n  {rules}\n"
    )


def outline(listener: Config) -> list[tuple[Any, str, bool]]:
    """(names, where to, TLS ends here) of each chain."""
    return [
        (
            chain.get("filter_chain_match", {}).get("server_names"),
            _target(chain["filters"][-1]["typed_config"]),
            "transport_socket" in chain,
        )
        for chain in listener["filter_chains"]
    ]


def _target(config: Config) -> str:
    return config["rds"]["route_config_name"] if "rds" in config else config["cluster"]


HTTP = "{port: {number: 8080, name: http, protocol: HTTP}, hosts: [a.example]}"
HTTPS = "{port: {number: 8443, name: NAME, protocol: HTTPS}, hosts: [HOST], tls: {mode: SIMPLE, credentialName: c}}"
TCP = "{port: {number: 5432, name: tcp, protocol: TCP}, hosts: ['*']}"
PASS = "{port: {number: 8443, name: pass, protocol: TLS}, hosts: [db.example], tls: {mode: PASSTHROUGH}}"


def https(name: str, host: str) -> str:
    return HTTPS.replace("NAME", name).replace("HOST", host)


def test_plain_http_has_one_chain_whatever_the_hosts(serve: Serve) -> None:
    other = HTTP.replace("a.example", "b.example").replace("name: http", "name: http-b")
    listener = serve(HTTP, other).listeners["0.0.0.0_8080"]
    assert outline(listener) == [(None, "http.8080", False)]
    assert "listener_filters" not in listener


@pytest.mark.parametrize("protocol", ["HTTP2", "GRPC", "GRPC-Web"])
def test_every_kind_of_http_is_routed_by_host(serve: Serve, protocol: str) -> None:
    listener = serve(HTTP.replace("protocol: HTTP", f"protocol: {protocol}")).listeners["0.0.0.0_8080"]
    assert outline(listener) == [(None, "http.8080", False)]


def test_each_https_server_has_a_chain_for_its_names(serve: Serve) -> None:
    snapshot = serve(https("a", "a.example"), https("b", "'*.b.example'"))
    listener = snapshot.listeners["0.0.0.0_8443"]
    assert outline(listener) == [
        (["a.example"], "https.8443.a.edge.default", True),
        (["*.b.example"], "https.8443.b.edge.default", True),
    ]
    assert [f["name"].rpartition(".")[2] for f in listener["listener_filters"]] == ["tls_inspector"]
    assert listener["listener_filters_timeout"] == "0s"


def test_any_host_asks_for_no_name(serve: Serve) -> None:
    assert outline(serve(https("a", "'*'")).listeners["0.0.0.0_8443"]) == [(None, "https.8443.a.edge.default", True)]


def test_opaque_tcp_leads_to_the_first_rule_for_its_port(serve: Serve) -> None:
    routes = virtual_service(
        "['*']",
        "tcp: [{match: [{port: 1}], route: [{destination: {host: db, port: {number: 8000}}}]},"
        " {match: [{port: 5432}], route: [{destination: {host: db, port: {number: 5432}}}]}]",
    )
    listener = serve(TCP, routes=routes).listeners["0.0.0.0_5432"]
    assert outline(listener) == [(None, "outbound|5432||db.default.svc.cluster.local", False)]


def test_a_tcp_port_without_route_has_no_listener(serve: Serve) -> None:
    assert serve(TCP).listeners == {}


def test_passed_on_tls_is_routed_by_name_beside_tls_that_ends(serve: Serve) -> None:
    routes = virtual_service(
        "[db.example]",
        "tls: [{match: [{sniHosts: [db.example]}], route: [{destination: {host: db, port: {number: 5432}}}]}]",
    )
    snapshot = serve(PASS, https("a", "a.example"), routes=routes)
    assert outline(snapshot.listeners["0.0.0.0_8443"]) == [
        (["db.example"], "outbound|5432||db.default.svc.cluster.local", False),
        (["a.example"], "https.8443.a.edge.default", True),
    ]
    assert snapshot.origins["listeners", "0.0.0.0_8443", "filter_chains[0]"].resource == "VirtualService default/routes"


def test_names_that_are_taken_are_reported_and_left_out(serve: Serve) -> None:
    routes = virtual_service(
        "[db.example]",
        "tls: [{match: [{sniHosts: [db.example]}], route: [{destination: {host: db, port: {number: 5432}}}]},"
        " {match: [{sniHosts: [db.example]}], route: [{destination: {host: db, port: {number: 8000}}}]}]",
    )
    snapshot = serve(PASS, routes=routes)
    assert len(snapshot.listeners["0.0.0.0_8443"]["filter_chains"]) == 1
    (finding,) = (f for f in snapshot.diagnostics if f.code == "LAT0443")
    assert "db.example" in finding.message


def test_auto_passthrough_is_refused_aloud(serve: Serve) -> None:
    snapshot = serve(PASS.replace("PASSTHROUGH", "AUTO_PASSTHROUGH"))
    assert snapshot.listeners == {}
    assert "LAT0444" in {finding.code for finding in snapshot.diagnostics}


def test_mesh_clients_end_their_tls_at_the_gateway(serve: Serve) -> None:
    server = https("mesh", "a.example").replace("{mode: SIMPLE, credentialName: c}", "{mode: ISTIO_MUTUAL}")
    (chain,) = serve(server).listeners["0.0.0.0_8443"]["filter_chains"]
    assert chain["transport_socket"]["typed_config"]["require_client_certificate"] is True


def test_a_gateway_trusts_nobody_with_the_clients_identity(serve: Serve) -> None:
    (chain,) = serve(HTTP).listeners["0.0.0.0_8080"]["filter_chains"]
    manager = chain["filters"][-1]["typed_config"]
    assert manager["use_remote_address"] is True
    assert manager["forward_client_cert_details"] == "SANITIZE_SET"


def test_the_wildcard_address_can_be_replaced_and_the_name_stays(serve: Serve) -> None:
    bound = HTTP.replace("hosts:", "bind: 127.24.9.9, hosts:").replace("8080", "8081").replace("name: http", "name: b")
    listeners = serve(HTTP, bound, metadata={"LATEEN_BIND_ADDRESS": "127.24.1.1"}).listeners
    where = {name: config["address"]["socket_address"]["address"] for name, config in listeners.items()}
    assert where == {"0.0.0.0_8080": "127.24.1.1", "127.24.9.9_8081": "127.24.9.9"}
    assert all(config["enable_reuse_port"] is False for config in listeners.values())
