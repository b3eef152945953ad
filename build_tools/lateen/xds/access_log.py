"""Access logs: what the Telemetry API and MeshConfig ask for, and the call log that `lateen up` reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lateen.model.mesh_config import MeshConfig, Provider
from lateen.xds.filters.chain import TYPES, Chain, Direction, typed
from lateen.xds.snapshot import Config

CALL_HEADER = "x-lateen-call"

_LOGGERS = "extensions.access_loggers"
_STREAMS = {"/dev/stdout": "StdoutAccessLog", "/dev/stderr": "StderrAccessLog"}
_BUILT_IN = "envoy"

# Istio's defaults since 1.9; people parse them.
_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
_JSON = {
    "authority": "%REQ(:AUTHORITY)%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "duration": "%DURATION%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "response_code": "%RESPONSE_CODE%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "response_flags": "%RESPONSE_FLAGS%",
    "route_name": "%ROUTE_NAME%",
    "start_time": "%START_TIME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "user_agent": "%REQ(USER-AGENT)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
}
_CALL = {
    "call": f"%REQ({CALL_HEADER})%",
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "upstream_host": "%UPSTREAM_HOST%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "duration_ms": "%DURATION%",
}
# Operators that stock Envoy has as formatter extensions, which each format that uses one must name.
_FORMATTERS = {
    "%REQ_WITHOUT_QUERY": "req_without_query.v3.ReqWithoutQuery",
    "%METADATA": "metadata.v3.Metadata",
    "%CEL": "cel.v3.Cel",
}
_NO_CHAIN: Config = {"response_flag_filter": {"flags": ["NR"]}}
AT_END: Config = {"log_type_filter": {"types": ["TcpConnectionEnd"]}}
"""The filter of a log to which a TCP proxy tells of each connection once."""


def access_logs(chain: Chain) -> list[Config]:
    """Access logs of a connection manager, without the call log."""
    return list(_logs(chain))


def connection_logs(chain: Chain) -> list[Config]:
    """Access logs of a TCP proxy: one line per connection, at its end."""
    return list(_logs(chain, AT_END))


def listener_logs(chain: Chain) -> list[Config]:
    """Access logs of a listener: connections that no filter chain takes, of which nothing else would tell."""
    return list(_logs(chain, _NO_CHAIN))


def call_logs(chain: Chain) -> list[Config]:
    """What this proxy did with each request that carries `x-lateen-call`, where node metadata names a file for it."""
    metadata = chain.scope.proxy.metadata
    path = metadata.get("LATEEN_CALL_LOG")
    if not path:
        return []
    headers = {name: f"%REQ({name})%" for name in sorted(metadata.get("LATEEN_CALL_LOG_HEADERS") or ())}
    fields = _CALL | {"direction": chain.direction.value, "request_headers": headers}
    log = _to(str(path), {"json_format": fields})
    return [log | {"filter": {"header_filter": {"header": {"name": CALL_HEADER, "present_match": True}}}}]


def emitted(provider: Provider) -> bool:
    """Whether logs for this provider are emitted; those that send to a collector by gRPC are not."""
    return provider.kind == "envoyFileAccessLog"


def expression_filter(expression: str) -> Config:
    """The filter of a log that tells only of what a CEL expression holds for."""
    message = f"{_LOGGERS}.filters.cel.v3.ExpressionFilter"
    return {"extension_filter": typed("envoy.access_loggers.extension_filters.cel", message, expression=expression)}


def _logs(chain: Chain, *required: Config) -> Iterator[Config]:
    view = chain.scope.telemetry
    for log in view.server_logs if chain.direction is Direction.INBOUND else view.client_logs:
        if emitted(log.provider):
            path = str(log.provider.config.get("path") or "/dev/stdout")
            logger = _to(path, _log_format(log.provider, chain.scope.config))
            yield logger | _filter([*required, *([expression_filter(log.filter)] if log.filter else [])])


def _filter(filters: list[Config]) -> Config:
    if len(filters) > 1:
        return {"filter": {"and_filter": {"filters": filters}}}
    return {"filter": filters[0]} if filters else {}


def _to(path: str, log_format: Config) -> Config:
    """A logger to a file; to a standard stream by its own logger, since Envoy may be unable to open it as a file."""
    if stream := _STREAMS.get(path):
        name = f"envoy.access_loggers.{path.removeprefix('/dev/')}"
        return typed(name, f"{_LOGGERS}.stream.v3.{stream}", log_format=log_format)
    message = f"{_LOGGERS}.file.v3.FileAccessLog"
    return typed("envoy.access_loggers.file", message, path=path, log_format=log_format)


def _log_format(provider: Provider, mesh: MeshConfig) -> Config:
    """The provider's format; for the built-in provider the mesh's; else Istio's default text."""
    given = provider.config.get("logFormat")
    if given is None and provider.name == _BUILT_IN:
        config = _mesh_format(mesh)
    elif given and "labels" in given:
        config = _json_format(given["labels"] or _JSON)
    else:
        config = _text_format((given or {}).get("text") or _TEXT)
    return config | ({"omit_empty_values": True} if provider.config.get("omitEmptyValues") else {})


def _mesh_format(mesh: MeshConfig) -> Config:
    if mesh.access_log_encoding != "JSON":
        return _text_format(mesh.access_log_format or _TEXT)
    return _json_format(json.loads(mesh.access_log_format) if mesh.access_log_format else _JSON)


def _text_format(text: str) -> Config:
    line = text if text.endswith("\n") else f"{text}\n"
    return {"text_format_source": {"inline_string": line}} | _formatters(line)


def _json_format(fields: Any) -> Config:
    return {"json_format": fields} | _formatters(json.dumps(fields))


def _formatters(text: str) -> Config:
    extensions = [
        {
            "name": f"envoy.formatter.{message.partition('.')[0]}",
            "typed_config": {"@type": f"{TYPES}.extensions.formatter.{message}"},
        }
        for operator, message in _FORMATTERS.items()
        if re.search(rf"{operator}\b", text)
    ]
    return {"formatters": extensions} if extensions else {}
