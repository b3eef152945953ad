"""A mesh made by hand.

Requests take the whole way: listener `front` (plain) -> route `front` -> cluster `mesh` (mutual TLS, EDS) -> listener
`inbound` (mutual TLS) -> route `inbound` with the extension config `note` -> cluster `app` (EDS) -> a server.
"""

from __future__ import annotations

from typing import Any

T = "type.googleapis.com/envoy."
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
PEERS = {"san_type": "URI", "matcher": {"prefix": "spiffe://cluster.local/"}}
Snapshot = dict[str, Any]


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
