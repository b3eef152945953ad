"""Access logs: those that Telemetry or MeshConfig order, and the call log that `lateen up` reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lateen.model.mesh_config import MeshConfig
from lateen.scope.views import AccessLog
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.snapshot import Config

CALL_HEADER = "x-lateen-call"

_STDOUT = "/dev/stdout"
_FIELDS = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}
"""Istio's default JSON fields."""

_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
    '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" '
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% '
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% "
    "%ROUTE_NAME%\n"
)
"""Istio's default text format."""


def access_logs(chain: Chain) -> list[Config]:
    """The logs of a connection manager or TCP proxy, without the call log."""
    return [_logger(log, chain.scope.config) for log in _ordered(chain) if log.provider.kind == "envoyFileAccessLog"]


def listener_logs(chain: Chain) -> list[Config]:
    """The same on the listener, for connections that no filter chain takes (flag NR); others log themselves."""
    only = {"response_flag_filter": {"flags": ["NR"]}}
    return [
        {**_logger(log, chain.scope.config), "filter": only}
        for log in _ordered(chain)
        if log.provider.kind == "envoyFileAccessLog" and not log.filter
    ]


def call_logs(chain: Chain) -> list[Config]:
    """The JSON log of requests that carry `x-lateen-call`, where node metadata `LATEEN_CALL_LOG` names a file."""
    metadata = chain.scope.proxy.metadata
    path = metadata.get("LATEEN_CALL_LOG")
    if not path:
        return []
    names: Iterable[str] = metadata.get("LATEEN_CALL_LOG_HEADERS", ())
    fields: dict[str, Any] = {
        "call": f"%REQ({CALL_HEADER})%",
        "start_time": "%START_TIME%",
        "direction": chain.direction.value,
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "authority": "%REQ(:AUTHORITY)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "upstream_host": "%UPSTREAM_HOST%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "peer": "%DOWNSTREAM_PEER_URI_SAN%",
        "duration_ms": "%DURATION%",
        "request_headers": {name: f"%REQ({name})%" for name in sorted(names)},
    }
    log = _file(str(path), {"json_format": fields})
    log["filter"] = {"header_filter": {"header": {"name": CALL_HEADER, "present_match": True}}}
    return [log]


def _ordered(chain: Chain) -> tuple[AccessLog, ...]:
    telemetry = chain.scope.telemetry
    return telemetry.server_logs if chain.direction is Direction.INBOUND else telemetry.client_logs


def _logger(log: AccessLog, mesh: MeshConfig) -> Config:
    config = log.provider.config
    path = str(config.get("path") or _STDOUT)
    logger = _file(path, _format(config, mesh))
    if log.filter:
        expression = typed(
            "envoy.access_loggers.extension_filters.cel",
            "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            expression=log.filter,
        )
        logger["filter"] = {"extension_filter": expression}
    return logger


def _format(config: dict[str, Any], mesh: MeshConfig) -> Config:
    """The provider's own format, else the mesh's, else Istio's defaults."""
    own = config.get("logFormat") or {}
    if own.get("labels"):
        return {"json_format": dict(own["labels"])}
    if own.get("text"):
        return {"text_format_source": {"inline_string": _line(own["text"])}}
    if mesh.access_log_encoding == "JSON":
        return {"json_format": _FIELDS}
    return {"text_format_source": {"inline_string": _line(mesh.access_log_format or _TEXT)}}


def _line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _file(path: str, log_format: Config) -> Config:
    """A log to a file; standard output by its own logger, because Envoy may be unable to open `/dev/stdout`."""
    if path == _STDOUT:
        message = "extensions.access_loggers.stream.v3.StdoutAccessLog"
        return typed("envoy.access_loggers.stdout", message, log_format=log_format)
    message = "extensions.access_loggers.file.v3.FileAccessLog"
    return typed("envoy.access_loggers.file", message, path=path, log_format=log_format)
