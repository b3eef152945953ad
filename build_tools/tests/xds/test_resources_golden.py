"""Whole outputs for reading: routes, clusters and endpoints of three proxies, all of them taken by a real Envoy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lateen.emit import to_yaml
from lateen.model.proxy import Proxy
from lateen.scope.views import ProxyScope
from lateen.xds.clusters import clusters
from lateen.xds.endpoints import endpoints
from lateen.xds.routes import gateway_routes, outbound_routes
from lateen.xds.snapshot import Config, Snapshot

pytestmark = pytest.mark.golden

GOLDEN = Path(__file__).parents[1] / "golden/xds"
PROXIES: dict[str, dict[str, Any]] = {
    "outbound": {"addresses": ("192.0.2.1",)},
    "http-proxy": {"metadata": {"INTERCEPTION_MODE": "NONE", "LATEEN_OUTBOUND_ADDRESS": "127.3.0.1"}},
    "gateway": {"kind": "router", "namespace": "shop", "labels": {"istio": "ingress"}},
}
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def listener(name: str, address: str) -> Config:
    """The least that makes Envoy read a route configuration."""
    manager = {
        "@type": _HCM,
        "stat_prefix": "golden",
        "rds": {"route_config_name": name, "config_source": {"ads": {}, "resource_api_version": "V3"}},
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    at = {"socket_address": {"address": address, "port_value": 80}}
    return {"name": name, "address": at, "bind_to_port": False, "filter_chains": [{"filters": filters}]}


@pytest.mark.parametrize("case", PROXIES)
def test_output(
    case: str,
    scope_of: Callable[..., ProxyScope],
    golden: Callable[[str, str], None],
    refusals: Callable[..., dict[str, str]],
    certificates: Path,
) -> None:
    scope = scope_of((GOLDEN / case / "in.yaml").read_text(), **PROXIES[case])
    routes = outbound_routes(scope).configs | gateway_routes(scope).configs
    parts = {"routes": routes, "clusters": clusters(scope).configs, "endpoints": endpoints(scope).configs}
    for part, configs in parts.items():
        golden(f"xds/{case}/out.{part}.yaml", to_yaml(configs))
    listeners = {name: listener(name, f"127.25.0.{i + 1}") for i, name in enumerate(routes)}
    proxy = Proxy("golden", metadata={"LATEEN_CERT_DIR": str(certificates)})
    assert refusals(golden=Snapshot(proxy, listeners, **parts).static()) == {}
