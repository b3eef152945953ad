"""The configuration of an Envoy that runs one filter, once per scenario."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.read import UPSTREAM
from lateen.filterkit.scenarios.scenario import Scenario
from lateen.filterkit.scenarios.server import LOOPBACK
from lateen.model.proxy import Proxy
from lateen.xds.filters.wasm import suite_extension

Config = dict[str, Any]

_TYPES = "type.googleapis.com/envoy"
_HTTP1 = {"enable_trailers": True}


@dataclass(frozen=True, slots=True)
class World:
    """What stands around the filter: the port of each cluster's server, and which of them speak gRPC."""

    ports: Mapping[str, int]
    grpc: Collection[str] = ()


def bootstrap(suite: Filter, scenarios: Sequence[Scenario], world: World, folder: Path) -> Config:
    """One listener for each scenario, so that none finds what another left; their names are their numbers.

    Modules, access log (`calls.json`) and the admin interface's address are in `folder`.
    """
    proxy = Proxy("scenario", metadata={"LATEEN_MODULE_DIR": str(folder)})
    if suite.kind == "wasm":
        (folder / suite.module_name).write_bytes(suite.module())
    return {
        "node": {"id": "scenario", "cluster": "scenario"},
        "admin": {"address": _address(0)},
        "static_resources": {
            "listeners": [_listener(index, suite, proxy, one, folder) for index, one in enumerate(scenarios)],
            "clusters": [_cluster(name, port, name in world.grpc) for name, port in world.ports.items()],
        },
    }


def _listener(index: int, suite: Filter, proxy: Proxy, scenario: Scenario, folder: Path) -> Config:
    name = str(index)
    http_filter = suite_extension(proxy, name, suite, scenario.config)
    router = {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True}
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "HTTP1",
        "http_protocol_options": _HTTP1,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "5s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": UPSTREAM,
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": ""}, "route": {"cluster": UPSTREAM, "timeout": "5s"}}],
                }
            ]
        },
        "access_log": [_access_log(scenario, folder)],
        "http_filters": [http_filter, {"name": "envoy.filters.http.router", "typed_config": router}],
    }
    return {
        "name": name,
        "address": _address(0),
        "traffic_direction": scenario.direction.upper(),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _access_log(scenario: Scenario, folder: Path) -> Config:
    """A line of JSON for each request, found again by the port that the client called from."""
    expected = [exchange.expect for exchange in scenario.exchanges]
    attributes = sorted({name for expect in expected for name in expect.get("attributes", ())})
    namespaces = sorted({name for expect in expected for name in expect.get("metadata", ())})
    record = {
        "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "attributes": {name: f"%FILTER_STATE({name}:PLAIN)%" for name in attributes},
        "metadata": {name: f"%DYNAMIC_METADATA({name})%" for name in namespaces},
    }
    file = {
        "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "calls.json"),
        "log_format": {"json_format": record},
    }
    return {"name": "envoy.access_loggers.file", "typed_config": file}


def _cluster(name: str, port: int, grpc: bool) -> Config:
    """Each request gets a connection of its own. The upstream is told in front of it whose request it is."""
    protocol = {"http2_protocol_options": {}} if grpc else {"http_protocol_options": _HTTP1}
    options = {
        "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": protocol,
        "common_http_protocol_options": {"max_requests_per_connection": 1},
    }
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        **({"transport_socket": _PROXY_PROTOCOL} if name == UPSTREAM else {}),
    }


_PROXY_PROTOCOL = {
    "name": "envoy.transport_sockets.upstream_proxy_protocol",
    "typed_config": {
        "@type": f"{_TYPES}.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        "config": {"version": "V1"},
        "transport_socket": {
            "name": "envoy.transport_sockets.raw_buffer",
            "typed_config": {"@type": f"{_TYPES}.extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
        },
    },
}


def _address(port: int) -> Config:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
