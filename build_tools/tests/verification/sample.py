"""A small configuration that holds, as its resources by attribute, and ways to break it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lateen.diagnostics import Origin
from lateen.model.proxy import Proxy
from lateen.xds.snapshot import Snapshot

Resources = dict[str, Any]
Break = Callable[[Resources], object]
WEB = "outbound|80||web"
T = "type.googleapis.com/envoy."
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"},
}
CORS = {"name": "cors", "typed_config": {"@type": T + "extensions.filters.http.cors.v3.Cors"}}
LUA = {"@type": T + "extensions.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": "-- nothing"}}
TLS = {
    "name": "envoy.transport_sockets.tls",
    "typed_config": {
        "@type": T + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": ADS}]},
    },
}
DISCOVERED = {
    "name": "default.tenant",
    "config_discovery": {"config_source": ADS, "type_urls": [LUA["@type"]]},
}
FILE = "shop.yaml"


def manager(**more: Any) -> dict[str, Any]:
    config = {
        "@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "s",
        "rds": {"route_config_name": "80", "config_source": ADS},
        "http_filters": [CORS, DISCOVERED, ROUTER],
    } | more
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def listener(name: str = "outbound", port: int = 18080) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.22.0.1", "port_value": port}},
        "filter_chains": [{"filters": [manager()]}],
    }


def cluster(name: str = "outbound|80||web") -> dict[str, Any]:
    return {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": ADS, "service_name": name},
        "transport_socket": TLS,
    }


def virtual_host(name: str = "web", *domains: str) -> dict[str, Any]:
    return {
        "name": name,
        "domains": list(domains) or ["web"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "outbound|80||web"}}],
    }


def sample() -> dict[str, Any]:
    """The resources by attribute: one listener, route configuration, cluster and filter that belong together."""
    return copy.deepcopy(
        {
            "listeners": {"outbound": listener()},
            "routes": {"80": {"name": "80", "validate_clusters": False, "virtual_hosts": [virtual_host()]}},
            "clusters": {"outbound|80||web": cluster()},
            "endpoints": {"outbound|80||web": {"cluster_name": "outbound|80||web"}},
            "extensions": {"default.tenant": {"name": "default.tenant", "typed_config": LUA}},
        }
    )


def snapshot(resources: dict[str, Any]) -> Snapshot:
    """Origins tell the lines apart: routes are on line 30, the first virtual host on 31, everything else as below."""
    places = {
        ("listeners", "outbound", ""): 10,
        ("clusters", "outbound|80||web", ""): 20,
        ("routes", "80", ""): 30,
        ("routes", "80", "virtual_hosts[0]"): 31,
        ("extensions", "default.tenant", ""): 40,
    }
    origins = {key: Origin(FILE, line, 1) for key, line in places.items()}
    proxy = Proxy("web-0", addresses=("127.22.0.1",), metadata={"LATEEN_BIND_ADDRESS": "127.22.0.9"})
    return Snapshot(proxy, origins=origins, **resources)


def at(resources: Resources, *path: str | int) -> Any:
    value: Any = resources
    for step in path:
        value = value[step]
    return value


def route(resources: Resources) -> Any:
    return at(resources, "routes", "80", "virtual_hosts", 0, "routes", 0)


def hcm(resources: Resources) -> Any:
    return at(resources, "listeners", "outbound", "filter_chains", 0, "filters", 0, "typed_config")


def chains(*matches: dict[str, Any]) -> Break:
    def change(resources: Resources) -> None:
        resources["listeners"]["outbound"]["filter_chains"] = [
            {"filter_chain_match": match, "filters": [manager()]} for match in matches
        ]

    return change


def hosts(*given: dict[str, Any]) -> Break:
    return lambda resources: at(resources, "routes", "80").update(virtual_hosts=list(given))


def filters(*given: dict[str, Any]) -> Break:
    return lambda resources: hcm(resources).update(http_filters=list(given))


def weights(*given: int) -> Break:
    weighted = {"clusters": [{"name": "outbound|80||web", "weight": weight} for weight in given]}
    return lambda resources: route(resources).update(route={"weighted_clusters": weighted})


def add(attribute: str, config: dict[str, Any]) -> Break:
    return lambda resources: resources[attribute].update({config["name"]: config})


def http_log(cluster_name: str) -> dict[str, Any]:
    service = {"envoy_grpc": {"cluster_name": cluster_name}}
    common = {"log_name": "l", "grpc_service": service, "transport_api_version": "V3"}
    config = {"@type": T + "extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig", "common_config": common}
    return {"name": "log", "typed_config": config}


def jwt(cluster_name: str) -> dict[str, Any]:
    uri = {"uri": "https://issuer/keys", "cluster": cluster_name, "timeout": "1s"}
    config = {
        "@type": T + "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"p": {"issuer": "i", "remote_jwks": {"http_uri": uri}}},
    }
    return {"name": "jwt", "typed_config": config}


def ext_authz(cluster_name: str) -> dict[str, Any]:
    service = {"envoy_grpc": {"cluster_name": cluster_name}}
    config = {"@type": T + "extensions.filters.http.ext_authz.v3.ExtAuthz", "grpc_service": service}
    return {"name": "authz", "typed_config": config | {"transport_api_version": "V3"}}


def tcp(**config: Any) -> list[dict[str, Any]]:
    typed = {"@type": T + "extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "s"} | config
    return [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": typed}]}]


OVERRIDE = {"corz": {"@type": T + "config.route.v3.FilterConfig", "disabled": True}}
SECRET = {"name": "other", "sds_config": ADS}


def broken(change: Break) -> Snapshot:
    resources = sample()
    change(resources)
    return snapshot(resources)
