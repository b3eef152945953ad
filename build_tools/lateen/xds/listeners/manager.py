"""The HTTP connection manager, as Istio configures it in each direction."""

from __future__ import annotations

from lateen.xds.access_log import access_logs, call_logs
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.filters.order import http_filters
from lateen.xds.snapshot import Config
from lateen.xds.telemetry import stats_logs

NAME = "envoy.filters.network.http_connection_manager"

_CERTIFICATE_DETAILS: Config = {"subject": True, "dns": True, "uri": True}
_FACING: dict[Direction, Config] = {
    Direction.INBOUND: {
        "server_name": "istio-envoy",
        "use_remote_address": False,
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": _CERTIFICATE_DETAILS,
    },
    Direction.OUTBOUND: {"use_remote_address": False},
    Direction.GATEWAY: {
        "server_name": "istio-envoy",
        "use_remote_address": True,
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": _CERTIFICATE_DETAILS | {"cert": True},
    },
}
_NORMALIZATION: dict[str, Config] = {
    "NONE": {},
    "BASE": {"normalize_path": True},
    "DEFAULT": {"normalize_path": True},
    "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}


def discovered_routes(name: str) -> Config:
    """Routes by RDS; the listener waits for them rather than answer 404."""
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"rds": {"config_source": source, "route_config_name": name}}


def connection_manager(chain: Chain, stat_prefix: str, routes: Config, *, http_proxy: bool = False) -> Config:
    """The network filter. `routes` is `{"route_config": ...}` or from `discovered_routes`.

    `http_proxy` is for the listener that applications use as their HTTP proxy: clients open tunnels there by CONNECT,
    which some libraries send as HTTP/1.0.
    """
    fields: Config = {"stat_prefix": stat_prefix, **routes, "http_filters": http_filters(chain)}
    fields |= _FACING[chain.direction]
    fields |= _NORMALIZATION.get(chain.scope.config.path_normalization, _NORMALIZATION["BASE"])
    fields["stream_idle_timeout"] = "0s"
    fields["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    if http_proxy:
        fields["upgrade_configs"].append({"upgrade_type": "CONNECT"})
        fields["http_protocol_options"] = {"accept_http_10": True}
    if logs := [*access_logs(chain), *stats_logs(chain), *call_logs(chain)]:
        fields["access_log"] = logs
    return typed(NAME, "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", **fields)
