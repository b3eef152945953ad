"""The HTTP connection manager of each kind of listener, with the fields that Istio sets."""

from __future__ import annotations

from typing import Any

from lateen.xds.access_log import access_logs, call_logs
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.filters.extensions import before_http
from lateen.xds.filters.order import http_filters
from lateen.xds.snapshot import Config
from lateen.xds.telemetry import stats_logs

NAME = "envoy.filters.network.http_connection_manager"
SERVER = "istio-envoy"

_RDS_SOURCE: Config = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}

# Who the client is: behind a sidecar the application reads it from x-forwarded-client-cert; a gateway is the first
# that can know, so what a client claims there is thrown away; outbound there is no client but the own application.
_CLIENT_CERTIFICATE: dict[Direction, Config] = {
    Direction.INBOUND: {
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
    },
    Direction.GATEWAY: {
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"subject": True, "cert": True, "dns": True, "uri": True},
    },
    Direction.OUTBOUND: {},
}
_NORMALIZATION: dict[str, Config] = {
    "NONE": {"normalize_path": False},
    "BASE": {"normalize_path": True},
    "DEFAULT": {"normalize_path": True},
    "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}


def http_chain(chain: Chain, stat_prefix: str, routes: str | Config, **fields: Any) -> list[Config]:
    """The network filters of a chain that carries HTTP: extensions, then the connection manager with these fields."""
    return [*before_http(chain), http_connection_manager(chain, stat_prefix, routes, **fields)]


def http_connection_manager(chain: Chain, stat_prefix: str, routes: str | Config, **fields: Any) -> Config:
    """The network filter. `routes` is the name of a route configuration, or the configuration itself.

    `stat_prefix` ends without the delimiter, which is added; `fields` replace what is usual.
    """
    manager: Config = {"stat_prefix": f"{stat_prefix};"}
    if isinstance(routes, str):
        manager["rds"] = {"config_source": _RDS_SOURCE, "route_config_name": routes}
    else:
        manager["route_config"] = routes
    manager["http_filters"] = http_filters(chain)
    if logs := [*stats_logs(chain), *access_logs(chain), *call_logs(chain)]:
        manager["access_log"] = logs
    manager["server_name"] = SERVER
    manager["use_remote_address"] = chain.direction is Direction.GATEWAY
    manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
    manager |= _NORMALIZATION.get(chain.scope.config.path_normalization, _NORMALIZATION["BASE"])
    manager["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    # Idle streams are the application's business: a route's timeout is what the user asked for.
    manager["stream_idle_timeout"] = "0s"
    manager["proxy_100_continue"] = True
    manager |= _CLIENT_CERTIFICATE[chain.direction]
    if str(chain.scope.proxy.metadata.get("HTTP10", "")) in ("1", "true"):
        manager["http_protocol_options"] = {"accept_http_10": True}
    message = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return typed(NAME, message, **manager | fields)
