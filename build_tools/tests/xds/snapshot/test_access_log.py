"""Access logs: which providers, in which format, with which filter; the call log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lateen.xds.snapshot import Config, Snapshot

Compile = Callable[..., Snapshot]

SERVER = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: http, port: 8080}, {name: tcp, port: 7070}]}
"""


def telemetry(logging: str) -> str:
    return (
        "\n---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\n"
        f"metadata: {{name: mesh, namespace: istio-system}}\nspec:\n  accessLogging: {logging}\n"
    )


def inbound(snapshot: Snapshot, port: int = 8080) -> list[Config]:
    chains = snapshot.listeners["virtualInbound"]["filter_chains"]
    chain = next(c for c in chains if c.get("filter_chain_match", {}).get("destination_port") == port)
    logs: list[Config] = chain["filters"][-1]["typed_config"].get("access_log", [])
    return logs


def log_format(log: Config) -> Any:
    return log["typed_config"]["log_format"]


def test_by_default_there_is_none(compiled: Compile) -> None:
    assert inbound(compiled(SERVER)) == []


def test_standard_output_has_a_logger_of_its_own_and_istios_text(compiled: Compile) -> None:
    (log,) = inbound(compiled(SERVER + telemetry("[{providers: [{name: envoy}]}]")))
    assert log["name"] == "envoy.access_loggers.stdout"
    text = log_format(log)["text_format_source"]["inline_string"]
    assert text.startswith('[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"')
    assert text.endswith("%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n")


def test_the_built_in_provider_takes_the_meshs_format(compiled: Compile) -> None:
    text = SERVER + telemetry("[{providers: [{name: envoy}]}]")
    (log,) = inbound(compiled(text, mesh_config="accessLogEncoding: JSON"))
    assert log_format(log)["json_format"]["upstream_cluster"] == "%UPSTREAM_CLUSTER_RAW%"
    (log,) = inbound(compiled(text, mesh_config="accessLogFormat: '%PROTOCOL%'"))
    assert log_format(log)["text_format_source"]["inline_string"] == "%PROTOCOL%\n"


PROVIDERS = """
extensionProviders:
- name: file
  envoyFileAccessLog: {path: /var/log/a.log, logFormat: {text: "%REQ_WITHOUT_QUERY(:PATH)% %CEL(request.method)%"}}
- name: labels
  envoyFileAccessLog: {path: /var/log/b.log, omitEmptyValues: true, logFormat: {labels: {path: "%REQ(:PATH)%"}}}
- name: collector
  envoyOtelAls: {service: collector.default.svc.cluster.local, port: 4317}
"""


def test_providers_write_files_in_their_own_format(compiled: Compile) -> None:
    text = SERVER + telemetry("[{providers: [{name: file}, {name: labels}]}]")
    first, second = inbound(compiled(text, mesh_config=PROVIDERS))
    assert first["typed_config"]["path"] == "/var/log/a.log"
    assert [f["name"] for f in log_format(first)["formatters"]] == [
        "envoy.formatter.req_without_query",
        "envoy.formatter.cel",
    ]
    assert log_format(second) == {"json_format": {"path": "%REQ(:PATH)%"}, "omit_empty_values": True}


def test_what_is_not_emitted_is_said(compiled: Compile) -> None:
    snapshot = compiled(SERVER + telemetry("[{providers: [{name: collector}]}]"), mesh_config=PROVIDERS)
    assert inbound(snapshot) == []
    (finding,) = (f for f in snapshot.diagnostics if f.code == "LAT0446")
    assert "collector (envoyOtelAls)" in finding.message


def test_tcp_and_unmatched_connections_are_logged_too(compiled: Compile) -> None:
    text = SERVER + telemetry("[{providers: [{name: envoy}], filter: {expression: 'response.code >= 400'}}]")
    snapshot = compiled(text)
    (log,) = inbound(snapshot, 7070)
    at_end, filtered = log["filter"]["and_filter"]["filters"]
    assert at_end == {"log_type_filter": {"types": ["TcpConnectionEnd"]}}
    expression = filtered["extension_filter"]
    assert expression["typed_config"]["expression"] == "response.code >= 400"
    (listener_log,) = snapshot.listeners["virtualInbound"]["access_log"]
    no_chain, filtered = listener_log["filter"]["and_filter"]["filters"]
    assert no_chain == {"response_flag_filter": {"flags": ["NR"]}}
    assert filtered == {"extension_filter": expression}


def test_the_call_log_is_there_only_when_a_file_is_named(compiled: Compile) -> None:
    metadata = {"LATEEN_CALL_LOG": "/run/calls.log", "LATEEN_CALL_LOG_HEADERS": ["x-tenant"]}
    (log,) = inbound(compiled(SERVER, metadata=metadata))
    fields = log_format(log)["json_format"]
    assert fields["direction"] == "inbound"
    assert fields["request_headers"] == {"x-tenant": "%REQ(x-tenant)%"}
    assert log["filter"]["header_filter"]["header"] == {"name": "x-lateen-call", "present_match": True}
