"""The HTTP filters of a connection manager: their order, and those that users add."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lateen.xds import plugins
from lateen.xds.filters.order import ORDER
from lateen.xds.plugins import PluginFilter
from lateen.xds.snapshot import Config, Snapshot

Compile = Callable[..., Snapshot]

SERVER = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: http, port: 8080}, {name: http-other, port: 8081}]}
"""
POLICIES = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: audit}
spec: {action: AUDIT, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny}
spec: {action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow}
spec: {rules: [{}]}
"""


def extension(name: str, phase: str = "", priority: int | None = None, more: str = "") -> str:
    fields = f"phase: {phase}, " if phase else ""
    fields += f"priority: {priority}, " if priority is not None else ""
    return (
        "\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\n"
        f"metadata: {{name: {name}}}\nspec: {{{fields}{more}lua: {{inlineCode: 'function envoy_on_request(h) end'}}}}\n"
    )


def managers(snapshot: Snapshot) -> Iterator[tuple[str, Config]]:
    for name, listener in snapshot.listeners.items():
        for chain in listener["filter_chains"]:
            config = chain["filters"][-1]["typed_config"]
            if "http_filters" in config:
                yield name, config


def names(snapshot: Snapshot, listener: str, port: int = 0) -> list[str]:
    config = next(
        config for name, config in managers(snapshot) if name == listener and f"_{port or ''}" in config["stat_prefix"]
    )
    return [f["name"].removeprefix("extensions.istio.io/trafficextension/default.") for f in config["http_filters"]]


def test_inbound_order_is_istios(compiled: Compile) -> None:
    phases = "".join(extension(name.lower(), name) for name in ("STATS", "AUTHZ", "AUTHN")) + extension("unspecified")
    snapshot = compiled(SERVER + POLICIES + phases)
    expected = [
        "istio.metadata_exchange",
        "authn",
        "authz",
        *["envoy.filters.http.rbac"] * 3,
        "stats",
        "unspecified",
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "envoy.filters.http.router",
    ]
    found = names(snapshot, "virtualInbound", 8080)
    assert [name for name in found if name != "istio.metadata_exchange"] == expected[1:]
    assert "istio.metadata_exchange" not in found[1:]


def test_audit_comes_before_deny_and_deny_before_allow(compiled: Compile) -> None:
    _, manager = next(managers(compiled(SERVER + POLICIES)))
    for _, manager in managers(compiled(SERVER + POLICIES)):
        actions = [f["typed_config"]["rules"]["action"] for f in manager["http_filters"] if f["name"].endswith("rbac")]
        if actions:
            assert actions == ["LOG", "DENY", "ALLOW"]
            return
    pytest.fail("no connection manager authorizes")


def test_alpn_is_told_outbound_only_and_policy_asked_inbound_only(compiled: Compile) -> None:
    snapshot = compiled(SERVER + POLICIES)
    outbound, inbound = names(snapshot, "0.0.0.0_8080"), names(snapshot, "virtualInbound", 8080)
    assert "istio.alpn" in outbound
    assert "istio.alpn" not in inbound
    assert "envoy.filters.http.rbac" in inbound
    assert "envoy.filters.http.rbac" not in outbound


def test_every_row_of_the_table_has_a_reason_and_the_router_is_last() -> None:
    assert all(slot.reason for slot in ORDER)
    assert ORDER[-1].name == "envoy.filters.http.router"
    assert len({slot.name for slot in ORDER}) == len(ORDER)


def test_within_a_phase_the_higher_priority_comes_first(compiled: Compile) -> None:
    added = extension("low", "AUTHN", 1) + extension("high", "AUTHN", 10) + extension("none", "AUTHN")
    found = names(compiled(SERVER + added), "virtualInbound", 8080)
    assert [name for name in found if name in ("low", "high", "none")] == ["high", "low", "none"]


@pytest.mark.parametrize(
    ("match", "where"),
    [
        ("match: [{mode: SERVER}], ", {"virtualInbound"}),
        ("match: [{mode: CLIENT}], ", {"0.0.0.0_8080", "0.0.0.0_8081"}),
        ("match: [{ports: [{number: 8081}]}], ", {"0.0.0.0_8081", "virtualInbound"}),
    ],
)
def test_an_extension_stands_where_its_match_says(compiled: Compile, match: str, where: set[str]) -> None:
    snapshot = compiled(SERVER + extension("own", "AUTHN", more=match))
    found = {
        name
        for name, config in managers(snapshot)
        if any(f["name"].endswith("default.own") for f in config["http_filters"])
    }
    assert found == where
    assert [name for name in snapshot.extensions if name.endswith("default.own")] != []


def test_an_extension_is_an_extension_config_that_envoy_waits_for(compiled: Compile) -> None:
    snapshot = compiled(SERVER + extension("own", "AUTHN"))
    name = "extensions.istio.io/trafficextension/default.own"
    typed: Any = snapshot.extensions[name]["typed_config"]
    assert typed["default_source_code"]["inline_string"] == "function envoy_on_request(h) end"
    found = [f for _, config in managers(snapshot) for f in config["http_filters"] if f["name"] == name]
    assert all(f["config_discovery"]["config_source"]["initial_fetch_timeout"] == "0s" for f in found)
    assert snapshot.origins["extensions", name, ""].resource == "TrafficExtension default/own"


def test_a_plug_ins_filter_stands_once_behind_the_extensions_of_its_phase(
    compiled: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = PluginFilter("plugged", "AUTHN", {"name": "plugged"})
    monkeypatch.setattr(plugins, "http_filters", lambda _proxy, _direction: (added,))
    found = names(compiled(SERVER + extension("own", "AUTHN") + POLICIES), "virtualInbound", 8080)
    assert found.count("plugged") == 1
    assert found.index("own") < found.index("plugged") < found.index("envoy.filters.http.rbac")


@pytest.mark.parametrize(
    ("normalization", "fields"),
    [
        ("NONE", {"normalize_path": False}),
        ("BASE", {"normalize_path": True}),
        ("MERGE_SLASHES", {"normalize_path": True, "merge_slashes": True}),
        (
            "DECODE_AND_MERGE_SLASHES",
            {
                "normalize_path": True,
                "merge_slashes": True,
                "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
            },
        ),
    ],
)
def test_paths_are_normalized_as_the_mesh_says(compiled: Compile, normalization: str, fields: Config) -> None:
    snapshot = compiled(SERVER, mesh_config=f"pathNormalization: {{normalization: {normalization}}}")
    for _, manager in managers(snapshot):
        assert fields.items() <= manager.items()
        assert manager.get("merge_slashes", False) is fields.get("merge_slashes", False)


def suite_extension(name: str, filter_name: str, config: str) -> str:
    return (
        "\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\n"
        f"metadata: {{name: {name}}}\nspec: {{wasm: {{url: 'lateen://{filter_name}', pluginConfig: {config}}}}}\n"
    )


def test_a_native_filter_of_the_suite_is_one_of_envoys(compiled: Compile) -> None:
    quota = suite_extension("quota", "quota", "{limits: [{name: all, requests: 5, window: 1s}]}")
    snapshot = compiled(SERVER + quota, "server")
    name = "extensions.istio.io/trafficextension/default.quota"
    kind = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    assert snapshot.extensions[name]["typed_config"]["@type"] == kind
    found = [f for _, manager in managers(snapshot) for f in manager["http_filters"] if f["name"] == name]
    assert found
    assert all(f["config_discovery"]["type_urls"] == [kind] for f in found)


def test_what_stands_in_for_a_native_filter_that_cannot_be_made_denies(compiled: Compile) -> None:
    snapshot = compiled(SERVER + suite_extension("quota", "quota", "{limits: []}"), "server")
    [denial] = [config for name, config in snapshot.extensions.items() if name.endswith("quota")]
    kind = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
    assert denial["typed_config"] == {"@type": kind, "rules": {}}


def test_a_filter_gets_its_configuration_compiled(compiled: Compile) -> None:
    config = "{operations: [{method: GET, path: /a, name: a}], unknown: other}"
    snapshot = compiled(SERVER + suite_extension("operations", "operation_classifier", config), "server")
    extension = snapshot.extensions["extensions.istio.io/trafficextension/default.operations"]
    written = json.loads(extension["typed_config"]["config"]["configuration"]["value"])
    assert (written["version"], written["unknown"]) == (1, "other")
    assert "operations" not in written
