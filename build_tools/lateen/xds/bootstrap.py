"""What an Envoy starts with: who it is, where its configuration comes from, and how it is observed."""

from __future__ import annotations

import base64

from lateen.filterkit.catalog import noop_module
from lateen.filterkit.module import read_module
from lateen.model.proxy import Proxy
from lateen.xds.filters.wasm import restriction
from lateen.xds.names import stat_name
from lateen.xds.snapshot import Config, Snapshot
from lateen.xds.telemetry import NAMESPACE

ADMIN_PORT = 15000
HEALTH_PORT = 15021
PROMETHEUS_PORT = 15090
PROMETHEUS_CLUSTER = "prometheus_stats"
XDS_CLUSTER = "xds-grpc"
DEFAULT_XDS_SOCKET = "/etc/lateen/xds.sock"

_TYPES = "type.googleapis.com/envoy"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ADS: Config = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}

# What Istio includes, plus `wasmcustom.` (without which Istio's own metrics vanish), what tells how far an update has
# come, and errors of Lua filters, which fail open. A scrape of all of Envoy's counters is a hundred times as long.
_STATS_PREFIXES = (
    f"{NAMESPACE}.",
    "cluster_manager",
    "listener_manager",
    "server",
    "wasm",
    "sds.",
    "extension_config_discovery",
    f"cluster.{XDS_CLUSTER}",
)
_STATS_SUFFIXES = (
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
    "downstream_cx_active",
)
_STATS_CONTAINED = (".rds.", ".lua.")

# Tag name to the expression whose first group leaves the counter's name and whose second is the value. A cluster's
# `alt_stat_name` ends in a semicolon so that it can be told from what follows.
_STATS_TAGS = {
    "cluster_name": r"^cluster(\.(.+?);)",
    "http_conn_manager_prefix": r"^http(\.(.+?)\.)(?:rds|downstream|rbac|no_|tracing|user_agent|rs_|passthrough)",
    "listener_address": r"^listener(\.((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    "response_code": r"^cluster\..*_rq(_(\d{3}))$",
    "response_code_class": r"^(?:cluster|http)\..*_rq(_(\dxx))$",
}


def dynamic_bootstrap(snapshot: Snapshot) -> Config:
    """The bootstrap of an Envoy that takes everything else by delta ADS from its own Unix socket.

    It waits for its first configuration for ever instead of coming up empty, and reconnects within a second.
    """
    proxy = snapshot.proxy
    config = base_bootstrap(proxy)
    config["dynamic_resources"] = {
        "lds_config": _ADS,
        "cds_config": _ADS,
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": _reconnect()}}],
        },
    }
    config["static_resources"]["clusters"].insert(0, _xds_cluster(proxy))
    return config


def base_bootstrap(proxy: Proxy) -> Config:
    """What static and dynamic configuration have in common."""
    config: Config = {
        "node": node(proxy),
        "admin": {"address": address(_admin_address(proxy), ADMIN_PORT)},
        "static_resources": {"listeners": _listeners(proxy), "clusters": _clusters(proxy)},
        "bootstrap_extensions": [stat_namespace()],
        "stats_config": _stats_config(),
        "layered_runtime": {"layers": [{"name": "lateen", "static_layer": _RUNTIME}]},
        "overload_manager": {"resource_monitors": [_CONNECTIONS]},
    }
    if source := str(proxy.metadata.get("LATEEN_BIND_ADDRESS", "")):
        # Peers see the workload's address as the source, not whatever loopback address the kernel takes.
        config["cluster_manager"] = {
            "upstream_bind_config": {"source_address": {"address": source, "port_value": 0}},
        }
    return config


_RUNTIME: Config = {
    # Long regular expressions are the user's right; Envoy's default limit is 100.
    "re2.max_program_size.error_level": 32768,
    "re2.max_program_size.warn_level": 32768,
}

# Envoy warns at every start when no limit is set; how many connections there may be is the operating system's business.
_CONNECTIONS: Config = {
    "name": "envoy.resource_monitors.global_downstream_max_connections",
    "typed_config": {
        "@type": f"{_TYPES}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": 2147483647,
    },
}


def node(proxy: Proxy) -> Config:
    """Envoy's node, with the metadata that Istio's own proxies send.

    Keys of lateen's own say how to compile, and paths on this machine are nobody else's business: they stay out.
    """
    own = {key: value for key, value in proxy.metadata.items() if not key.startswith("LATEEN_")}
    metadata: Config = {
        "NAME": proxy.name,
        "NAMESPACE": proxy.namespace,
        "WORKLOAD_NAME": proxy.owner,
        "SERVICE_ACCOUNT": proxy.service_account,
        "LABELS": dict(sorted(proxy.labels.items())),
        "INSTANCE_IPS": ",".join(proxy.addresses),
        "CLUSTER_ID": proxy.cluster,
        "INTERCEPTION_MODE": proxy.interception,
    }
    config: Config = {
        "id": proxy.node_id,
        "cluster": f"{proxy.labels.get('app', proxy.owner)}.{proxy.namespace}",
        "metadata": metadata | own,
    }
    if proxy.locality:
        config["locality"] = dict(zip(("region", "zone", "sub_zone"), proxy.locality.split("/"), strict=False))
    return config


def bind_address(proxy: Proxy, default: str) -> str:
    """Where fixed listeners bind: `LATEEN_BIND_ADDRESS`, else Istio's `default`."""
    return str(proxy.metadata.get("LATEEN_BIND_ADDRESS", "")) or default


def _admin_address(proxy: Proxy) -> str:
    return str(proxy.metadata.get("LATEEN_ADMIN_ADDRESS", "")) or bind_address(proxy, "127.0.0.1")


def _listeners(proxy: Proxy) -> list[Config]:
    health = {
        "match": {"path": "/healthz/ready"},
        "route": {"cluster": "agent", "prefix_rewrite": "/ready"},
    }
    return [
        _listener(proxy, HEALTH_PORT, "agent", health),
        _listener(proxy, PROMETHEUS_PORT, "stats", prometheus_route(PROMETHEUS_CLUSTER)),
    ]


def prometheus_route(cluster: str) -> Config:
    """The route to Envoy's own metrics; the cluster is its admin interface."""
    return {"match": {"path": "/stats/prometheus"}, "route": {"cluster": cluster}}


def _listener(proxy: Proxy, port: int, stat_prefix: str, route: Config) -> Config:
    listener = path_listener(stat_prefix, address(bind_address(proxy, "0.0.0.0"), port), route)  # noqa: S104
    if "LATEEN_BIND_ADDRESS" in proxy.metadata:
        # A second Envoy on this address must fail instead of taking a share of the requests.
        listener["enable_reuse_port"] = False
    return listener


def path_listener(name: str, bind: Config, route: Config) -> Config:
    """A listener for one exact path; everything else on it is 404."""
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "normalize_path": True,
        "route_config": {"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": name, "address": bind, "filter_chains": [{"filters": filters}]}


def _clusters(proxy: Proxy) -> list[Config]:
    admin = address(bind_address(proxy, "127.0.0.1"), ADMIN_PORT)
    return [_static_cluster(name, admin) for name in ("agent", PROMETHEUS_CLUSTER)]


def _xds_cluster(proxy: Proxy) -> Config:
    socket = {"pipe": {"path": str(proxy.metadata.get("LATEEN_XDS_SOCKET", DEFAULT_XDS_SOCKET))}}
    http2 = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    options = {"@type": f"type.googleapis.com/{_HTTP_OPTIONS}"}
    return _static_cluster(XDS_CLUSTER, socket) | {
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: options | {"explicit_http_config": {"http2_protocol_options": http2}}
        }
    }


def _static_cluster(name: str, host: Config) -> Config:
    return {"name": name, "alt_stat_name": stat_name(name)} | host_cluster(name, host)


def host_cluster(name: str, host: Config) -> Config:
    """A cluster of one host."""
    hosts = [{"lb_endpoints": [{"endpoint": {"address": host}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": hosts},
    }


def _reconnect() -> Config:
    return {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}


def address(host: str, port: int) -> Config:
    """A socket address."""
    return {"socket_address": {"address": host, "port_value": port}}


def stat_namespace() -> Config:
    """A module that does nothing: loading it registers the namespace that frees metric names of `envoy_`."""
    module = noop_module()
    machine = {
        "vm_id": "lateen/noop",
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"inline_bytes": base64.b64encode(module).decode()}},
        "capability_restriction_config": restriction(read_module(module).capabilities),
    }
    service = {"singleton": True, "config": {"name": "lateen", "vm_config": machine}}
    return {
        "name": "envoy.bootstrap.wasm",
        "typed_config": {"@type": f"{_TYPES}.extensions.wasm.v3.WasmService"} | service,
    }


def _stats_config() -> Config:
    patterns = [
        *({"prefix": prefix} for prefix in _STATS_PREFIXES),
        *({"suffix": suffix} for suffix in _STATS_SUFFIXES),
        *({"contains": part} for part in _STATS_CONTAINED),
    ]
    return {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": name, "regex": regex} for name, regex in _STATS_TAGS.items()],
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }
