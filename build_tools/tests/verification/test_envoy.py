"""Asking a real Envoy: its reason in one line, at the user's place, whatever files the configuration names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lateen.diagnostics import MeshError, Origin, Redacted
from lateen.identity.ca import Authority
from lateen.model.proxy import Proxy
from lateen.schema.binary import find_envoy
from lateen.verification import verify, verify_many
from lateen.verification.envoy import shorten
from lateen.xds.snapshot import Snapshot

T = "type.googleapis.com/envoy."
PROXY = Proxy("web-0", addresses=("127.22.0.2",), metadata={"LATEEN_BIND_ADDRESS": "127.22.0.2"})
ENVOY = find_envoy()


def listener(*filters: dict[str, Any], log: str = "/no/such/folder/access.log", **more: Any) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}
    file_log = {"@type": T + "extensions.access_loggers.file.v3.FileAccessLog", "path": log}
    config = {
        "@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "s",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"]}]},
        "access_log": [{"name": "log", "typed_config": file_log}],
        "http_filters": [*filters, router],
    }
    chain = {"filters": [{"name": "hcm", "typed_config": config}]} | more
    address = {"socket_address": {"address": "127.22.0.2", "port_value": 18080}}
    return {"name": "virtualInbound", "address": address, "filter_chains": [chain]}


def lua(code: str) -> dict[str, Any]:
    config = {"@type": T + "extensions.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": code}}
    return {"name": "lua", "typed_config": config}


def snapshot(config: dict[str, Any], **more: Any) -> Snapshot:
    origins = {
        ("routes", "other", ""): Origin("first.yaml", 1, 1),
        ("clusters", "bad", ""): Origin("cluster.yaml", 5, 1),
        ("extensions", "tenant", ""): Origin("extension.yaml", 3, 1),
        ("listeners", "virtualInbound", ""): Origin("gateway.yaml", 7, 3),
    }
    return Snapshot(PROXY, listeners={"virtualInbound": config}, origins=origins, **more)


def tls(secret: str) -> dict[str, Any]:
    source = {"ads": {}, "resource_api_version": "V3"}
    common = {
        "tls_certificate_sds_secret_configs": [{"name": secret, "sds_config": source}],
        "combined_validation_context": {
            "default_validation_context": {},
            "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": source},
        },
    }
    context = {"@type": T + "extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": common}
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def test_files_that_this_machine_lacks_do_not_matter_and_none_is_written(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    config = listener(lua("function envoy_on_request(h) end"), log=str(log), transport_socket=tls("default"))
    assert verify(snapshot(config), envoy=ENVOY) == []
    assert not log.exists()
    assert verify(snapshot(listener()), envoy=ENVOY) == []


def test_a_credential_by_file_gets_a_throwaway_pair() -> None:
    pair = {"certificate_chain": {"filename": "/no/tls.crt"}, "private_key": {"filename": "/no/tls.key"}}
    secret = {"name": "file-cert:/no/tls.crt~/no/tls.key", "tls_certificate": pair}
    given = snapshot(listener(transport_socket=tls(secret["name"])), secrets={secret["name"]: secret})
    assert verify(given, envoy=ENVOY) == []


def test_envoys_own_objection_is_one_line_without_its_log_head() -> None:
    (finding,) = verify(snapshot(listener(lua("function ("))), envoy=ENVOY)
    assert finding.code == "LAT0519"
    assert finding.message.startswith("Envoy rejects listener virtualInbound: script load error")
    assert "\n" not in finding.message
    assert "critical" not in finding.message
    assert finding.origin.file == "gateway.yaml"


def test_an_objection_points_to_the_resource_that_causes_it() -> None:
    good = {"name": "good", "type": "STATIC", "load_assignment": {"cluster_name": "good"}}
    bad = {"name": "bad", "type": "ORIGINAL_DST", "lb_policy": "ROUND_ROBIN"}
    found = verify(
        snapshot(listener(), clusters={"good": good, "bad": bad, "more": good | {"name": "more"}}), envoy=ENVOY
    )
    assert [(finding.origin.file, finding.origin.line) for finding in found] == [("cluster.yaml", 5)]
    assert found[0].message.startswith("Envoy rejects cluster bad: cluster: LB policy ROUND_ROBIN")


def test_an_extension_is_told_from_the_listener_that_uses_it() -> None:
    discovery = {
        "config_source": {"ads": {}, "resource_api_version": "V3"},
        "type_urls": [lua("")["typed_config"]["@type"]],
    }
    config = listener({"name": "tenant", "config_discovery": discovery})
    extension = {"name": "tenant", "typed_config": lua("function (")["typed_config"]}
    (finding,) = verify(snapshot(config, extensions={"tenant": extension}), envoy=ENVOY)
    assert finding.message.startswith("Envoy rejects extension tenant: script load error")
    assert finding.origin.file == "extension.yaml"


def test_a_bootstrap_that_envoy_refuses_is_named_as_such() -> None:
    given = snapshot(listener())
    with_bad_node = replace(given, proxy=replace(PROXY, metadata={"LATEEN_BIND_ADDRESS": "not an address"}))
    (finding,) = verify(with_bad_node, envoy=ENVOY)
    assert finding.message.startswith("Envoy rejects the bootstrap of web-0.default: ")


def test_secrets_reach_envoy_and_never_a_message() -> None:
    authority = Authority.create("verify.test")
    one, other = authority.issue_host("a.test"), authority.issue_host("b.test")
    pair = {"certificate_chain": {"inline_bytes": Redacted(one.chain)}, "private_key": {"inline_bytes": other.key}}
    secret = {"name": "kubernetes://shop", "tls_certificate": pair}
    given = snapshot(listener(transport_socket=tls(secret["name"])), secrets={secret["name"]: secret})
    (finding,) = verify(given, envoy=ENVOY)
    assert finding.code == "LAT0519"
    assert "PRIVATE KEY" not in finding.message
    assert other.key.reveal().decode()[40:80] not in finding.message


def test_envoy_is_not_asked_about_what_is_known_to_be_wrong() -> None:
    (finding,) = verify(snapshot(listener(lua("function (")) | {"bogus": 1}), envoy=ENVOY)
    assert finding.code == "LAT0503"


def test_many_proxies_are_answered_in_their_order() -> None:
    good, bad = snapshot(listener()), snapshot(listener(lua("function (")))
    found = verify_many([good, bad, good, bad], ENVOY, workers=2)
    assert [len(findings) for findings in found] == [0, 1, 0, 1]


def test_an_envoy_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="LAT0501"):
        verify(snapshot(listener()), envoy=tmp_path / "none")
    fake = tmp_path / "envoy"
    fake.symlink_to("/bin/true")
    with pytest.raises(MeshError, match="LAT0502"):
        verify(snapshot(listener()), envoy=fake)


def test_a_field_rule_is_cut_to_the_rule() -> None:
    text = (
        "clusters {\n  secret: 'x'\n}\n: Proto constraint validation failed (BootstrapValidationError.StaticResources:"
        " embedded message failed validation | caused by ClusterValidationError.ConnectTimeout: value must be greater)"
    )
    assert shorten(text) == "ClusterValidationError.ConnectTimeout: value must be greater"


def test_of_a_configuration_that_envoy_cannot_parse_only_the_reason_is_told() -> None:
    text = (
        "[2026-01-01 00:00:00.000][1][critical][main] [source/server/server.cc:1] error initializing configuration "
        "'/e.json': Unable to parse JSON as proto (INVALID_ARGUMENT: could not find @type 'type.googleapis.com/x.Y'): "
        '{"admin":{"password":"hunter2"}}'
    )
    assert shorten(text) == "INVALID_ARGUMENT: could not find @type 'type.googleapis.com/x.Y'"
