"""Modules of users: where they stand, what Envoy gets of them, and what stands in for one that is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lateen
from lateen.filterkit.catalog import noop_module
from lateen.model.mesh import Mesh
from lateen.model.placement import place_by_cidr
from lateen.modules import Cache, Entry, Lock
from lateen.xds.snapshot import Config, Snapshot

from .conftest import POD, filter_chains

URL = "https://modules.example/gate.wasm"
NAME = "extensions.istio.io/trafficextension/default.e"
SERVER = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: http, port: 8080}, {name: tcp, port: 7070}]}
---
"""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow}
spec: {rules: [{}]}
---
"""
Load = Callable[..., Mesh]


def wasm(name: str = "e", fields: str = "", spec: str = "") -> str:
    inner = f"url: '{URL}'" + (f", {fields}" if fields else "")
    return (
        f"apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {{name: {name}}}\n"
        f"spec: {{{spec + ', ' if spec else ''}wasm: {{{inner}}}}}\n---\n"
    )


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Snapshot]:
    """What the pod `server` gets of a mesh whose module has been fetched, or has not."""

    def make(text: str, *, fetched: bool = True) -> Snapshot:
        cache = tmp_path / "cache"
        if fetched:
            entry = Entry(Cache(cache).put(noop_module()), len(noop_module()))
            (tmp_path / "lateen.lock").write_bytes(Lock({URL: entry}).content())
        (tmp_path / "server.yaml").write_text(SERVER + text + POD.format(name="server"))
        mesh = place_by_cidr(lateen.load(tmp_path, cache=cache), "192.0.2.0/24")
        (proxy,) = mesh.proxies()
        return lateen.compile(mesh, proxy)

    return make


def network_filters(snapshot: Snapshot) -> dict[str, list[list[str]]]:
    """The names of each chain's network filters, by listener."""
    return {
        name: [[f["name"].removeprefix(NAME[:-1]) for f in chain["filters"]] for chain in filter_chains(listener)]
        for name, listener in snapshot.listeners.items()
    }


def plugin(snapshot: Snapshot) -> Config:
    config: Config = snapshot.extensions[NAME]["typed_config"]["config"]
    return config


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", {"failure_policy": "FAIL_CLOSED"}),
        ("failStrategy: FAIL_CLOSE", {"failure_policy": "FAIL_CLOSED"}),
        ("failStrategy: FAIL_OPEN", {"failure_policy": "FAIL_OPEN"}),
        ("failStrategy: FAIL_RELOAD", {"failure_policy": "FAIL_RELOAD"}),
        ("pluginName: gate", {"root_id": "gate"}),
        (
            "pluginConfig: {b: 1, a: [x]}",
            {
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": '{"a":["x"],"b":1}',
                }
            },
        ),
    ],
)
def test_what_envoy_gets_of_a_module(compiled: Callable[..., Snapshot], fields: str, expected: Config) -> None:
    found = plugin(compiled(wasm(fields=fields)))
    assert expected.items() <= found.items()
    assert found["name"] == "default.e"
    assert found["vm_config"]["code"]["local"]["filename"].startswith("/etc/lateen/modules/gate-")


def test_a_module_has_no_configuration_root_or_environment_that_nobody_gave(compiled: Callable[..., Snapshot]) -> None:
    found = plugin(compiled(wasm()))
    assert found.keys() == {"name", "vm_config", "failure_policy"}
    assert found["vm_config"].keys() == {"runtime", "code", "capability_restriction_config"}
    allowed = found["vm_config"]["capability_restriction_config"]["allowed_capabilities"]
    assert set(allowed) >= {"proxy_on_configure", "proxy_on_context_create"}


def test_the_environment_of_a_filter_of_the_suite_is_passed_on(compiled: Callable[..., Snapshot]) -> None:
    fields = "pluginConfig: {}, vmConfig: {env: [{name: A, value: x}, {name: B, valueFrom: HOST}]}"
    found = plugin(compiled(wasm(fields=fields).replace(URL, "lateen://peer_metadata")))
    assert found["vm_config"]["environment_variables"] == {"key_values": {"A": "x"}, "host_env_keys": ["B"]}


def test_a_filter_of_the_suite_gets_the_variables_that_its_configuration_names(
    compiled: Callable[..., Snapshot],
) -> None:
    keys = "keys: [{id: k, secret: {env: A}}, {id: l, secret: {env: C}}]"
    fields = f"pluginConfig: {{rules: [{{name: a, github: {{{keys}}}}}]}}, vmConfig: {{env: %s}}"
    for given, expected in (
        ("[]", {"host_env_keys": ["A", "C"]}),
        ("[{name: A, value: x}, {name: B, valueFrom: HOST}]", {"key_values": {"A": "x"}, "host_env_keys": ["C", "B"]}),
    ):
        found = plugin(compiled(wasm(fields=fields % given).replace(URL, "lateen://hmac_auth")))
        assert found["vm_config"]["environment_variables"] == expected


def test_network_filters_stand_around_authorization_and_before_http(compiled: Callable[..., Snapshot]) -> None:
    phases = ("UNSPECIFIED", "STATS", "AUTHZ", "AUTHN")
    text = "".join(wasm(phase.lower(), "type: NETWORK", f"phase: {phase}") for phase in phases)
    found = network_filters(compiled(POLICY + text))
    before = ["authn", "authz"]
    after = ["stats", "unspecified"]
    hcm, tcp, rbac = (f"envoy.filters.network.{n}" for n in ("http_connection_manager", "tcp_proxy", "rbac"))
    inbound = found["virtualInbound"][1:]
    assert [*before, *after, hcm] in inbound
    assert [*before, rbac, *after, tcp] in inbound
    assert all(chain in ([*before, *after, hcm], [*before, rbac, *after, tcp]) for chain in inbound)
    assert found["0.0.0.0_7070"][0] == [*before, *after, tcp]
    assert found["0.0.0.0_8080"][0] == [*before, *after, hcm]
    assert found["virtualOutbound"] == [[tcp], [tcp]]


@pytest.mark.parametrize(
    ("match", "where"),
    [
        ("mode: SERVER", {"virtualInbound"}),
        ("mode: CLIENT", {"0.0.0.0_8080", "0.0.0.0_7070"}),
        ("ports: [{number: 7070}]", {"0.0.0.0_7070", "virtualInbound"}),
        ("mode: CLIENT, ports: [{number: 1}]", set()),
    ],
)
def test_a_network_filter_stands_where_its_match_says(
    compiled: Callable[..., Snapshot], match: str, where: set[str]
) -> None:
    found = network_filters(compiled(wasm(fields="type: NETWORK", spec=f"match: [{{{match}}}]")))
    assert {name for name, chains in found.items() if any("e" in chain for chain in chains)} == where


@pytest.mark.parametrize(
    ("fields", "stands_in"),
    [
        ("", "envoy.extensions.filters.http.rbac.v3.RBAC"),
        ("failStrategy: FAIL_RELOAD", "envoy.extensions.filters.http.rbac.v3.RBAC"),
        ("type: NETWORK", "envoy.extensions.filters.network.rbac.v3.RBAC"),
        ("failStrategy: FAIL_OPEN", None),
        ("type: NETWORK, failStrategy: FAIL_OPEN", None),
    ],
)
def test_a_missing_module_denies_unless_it_may_fail_open(
    compiled: Callable[..., Snapshot], fields: str, stands_in: str | None
) -> None:
    snapshot = compiled(wasm(fields=fields), fetched=False)
    (finding,) = snapshot.diagnostics
    assert (finding.code, finding.origin.field_path) == ("LAT0230", "spec.wasm.url")
    config: Any = snapshot.extensions.get(NAME, {}).get("typed_config")
    assert (config and config["@type"].rpartition("/")[2]) == stands_in
    assert config is None or config["rules"] == {}
    assert lateen.verify(snapshot) == []
    assert (NAME in str(snapshot.listeners)) is (stands_in is not None)


def test_a_filter_that_the_suite_does_not_have_denies(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(wasm().replace(URL, "lateen://no_such_filter"))
    assert [d.code for d in snapshot.diagnostics] == ["LAT0323"]
    assert snapshot.extensions[NAME]["typed_config"]["rules"] == {}


def test_a_snapshot_has_the_modules_that_it_names(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(wasm() + wasm("f"))
    named = {name for name in snapshot.modules if f"/{name}" in str(snapshot.extensions)}
    assert named == snapshot.modules.keys()
    (own,) = (module for module in snapshot.modules.values() if module.name == "gate")
    assert own.content() == noop_module()
