"""One file with everything in it."""

from __future__ import annotations

import base64
import copy
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from lateen.filterkit.catalog import noop_module
from lateen.model.proxy import Proxy
from lateen.modules import Module
from lateen.xds.snapshot import Snapshot

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ADS = {"ads": {}, "resource_api_version": "V3"}
MTLS = {
    "common_tls_context": {
        "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": ADS}],
        "combined_validation_context": {
            "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": ADS},
        },
    }
}


def snapshot(module: str = "exchange-0123456789ab.wasm", **metadata: Any) -> Snapshot:
    wasm = {"vm_config": {"code": {"local": {"filename": f"/etc/lateen/modules/{module}"}}}}
    manager = {
        "@type": HCM,
        "rds": {"route_config_name": "80", "config_source": ADS},
        "http_filters": [
            {"name": "istio.metadata_exchange", "config_discovery": {"config_source": ADS, "type_urls": ["x"]}},
            {"name": "router", "typed_config": {"@type": "r"}},
        ],
    }
    chain = {"filters": [{"name": "hcm", "typed_config": manager}], "transport_socket": {"typed_config": MTLS}}
    eds = {"service_name": "c", "eds_config": ADS}
    return Snapshot(
        Proxy("web", metadata=metadata),
        listeners={"l": {"name": "l", "filter_chains": [chain]}},
        routes={"80": {"name": "80", "virtual_hosts": [{"name": "v"}]}},
        clusters={"c": {"name": "c", "type": "EDS", "eds_cluster_config": eds}, "d": {"name": "d", "type": "STATIC"}},
        endpoints={"c": {"cluster_name": "c", "endpoints": [{"lb_endpoints": []}]}},
        extensions={"istio.metadata_exchange": {"name": "istio.metadata_exchange", "typed_config": {"config": wasm}}},
    )


def manager_of(config: dict[str, Any]) -> dict[str, Any]:
    listener = next(item for item in config["static_resources"]["listeners"] if item["name"] == "l")
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_routes_endpoints_and_extensions_stand_where_they_are_used() -> None:
    config = snapshot().static()
    manager = manager_of(config)
    assert manager["route_config"] == {"name": "80", "virtual_hosts": [{"name": "v"}]}
    assert "rds" not in manager
    assert [sorted(f) for f in manager["http_filters"]] == [["name", "typed_config"]] * 2
    cluster = next(c for c in config["static_resources"]["clusters"] if c["name"] == "c")
    assert cluster == {
        "name": "c",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": []}]},
    }


def test_nothing_is_left_that_asks_a_control_plane() -> None:
    config = snapshot().static()
    assert "dynamic_resources" not in config
    for word in ("'ads'", "config_discovery", "eds_config", "sds_config", "xds-grpc'"):
        assert word not in str(config["static_resources"]), word


def test_the_workloads_certificate_is_named_by_file() -> None:
    secrets = {s["name"]: s for s in snapshot(LATEEN_CERT_DIR="/certs").static()["static_resources"]["secrets"]}
    assert secrets["ROOTCA"]["validation_context"]["trusted_ca"] == {"filename": "/certs/root-cert.pem"}
    assert secrets["default"]["tls_certificate"] == {
        "certificate_chain": {"filename": "/certs/cert-chain.pem"},
        "private_key": {"filename": "/certs/key.pem"},
    }


def code_of(config: dict[str, Any]) -> Any:
    return manager_of(config)["http_filters"][0]["typed_config"]["config"]["vm_config"]["code"]["local"]


def test_modules_are_named_by_path() -> None:
    assert code_of(snapshot().static()) == {"filename": "/etc/lateen/modules/exchange-0123456789ab.wasm"}


def test_modules_can_be_contained(tmp_path: Path) -> None:
    path = tmp_path / "exchange.wasm"
    path.write_bytes(noop_module())
    known = Module("exchange", hashlib.sha256(noop_module()).hexdigest(), path)
    with_module = replace(snapshot(known.file_name), modules={known.file_name: known})
    contained = code_of(with_module.static(modules="inline"))
    assert base64.b64decode(contained["inline_bytes"]) == noop_module()
    assert "filename" in code_of(snapshot("other-0123456789ab.wasm").static(modules="inline"))


def test_the_snapshot_itself_is_not_changed() -> None:
    original = snapshot()
    before = copy.deepcopy(original.to_dict())
    original.static()
    assert original.to_dict() == before


def test_a_missing_route_configuration_answers_404() -> None:
    without = snapshot()
    without.routes.clear()
    assert manager_of(without.static())["route_config"] == {"name": "80", "virtual_hosts": []}
