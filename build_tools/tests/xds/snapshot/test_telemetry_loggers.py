"""The loggers of Istio's metrics in a snapshot: what they count, and what Telemetry changes of it."""

from __future__ import annotations

from collections.abc import Callable

from lateen.xds.snapshot import Config, Snapshot

from .metric_names import LABELS


def loggers(snapshot: Snapshot, kind: str) -> list[tuple[str, Config]]:
    """The stats loggers of all filters of that kind, each with its listener's direction."""
    return [
        (listener["traffic_direction"], log)
        for listener in snapshot.listeners.values()
        for chain in listener["filter_chains"]
        if chain["filters"][-1]["name"] == f"envoy.filters.network.{kind}"
        for log in chain["filters"][-1]["typed_config"].get("access_log", [])
        if log["name"] == "istio.stats"
    ]


def labels(stat: Config) -> dict[str, str]:
    return {tag["name"]: tag["value_format"] for tag in stat["stat"]["tags"]}


def test_labels_are_changed_as_telemetry_says(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(
        """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {source_app: {operation: REMOVE}, method: {value: request.method}}
    - {match: {metric: REQUEST_DURATION}, disabled: true}
"""
    )
    found = loggers(snapshot, "http_connection_manager")
    assert {direction for direction, _ in found} == {"INBOUND"}
    for config in (log["typed_config"] for _, log in found):
        (counter,) = config["counters"]
        assert "source_app" not in labels(counter)
        assert "request.method" in labels(counter)["method"]
        sizes = [h["stat"]["name"] for h in config["histograms"]]
        assert sizes == ["istio_request_bytes", "istio_response_bytes"]
        assert list(labels(config["histograms"][0])) == LABELS
        assert config["stats_scope"]["max_counters"] == 10_000


CONNECTIONS = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {clusterIP: 10.96.0.1, selector: {app: server}, ports: [{name: tcp, port: 7070}, {name: any, port: 7071}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {metrics: [{providers: [{name: prometheus}]}]}
"""


def test_every_tcp_proxy_counts_openings_and_ends(compiled: Callable[..., Snapshot]) -> None:
    """Also of what nobody declared, and of what must go nowhere."""
    snapshot = compiled(CONNECTIONS)
    chains = [
        (chain.get("name", ""), chain["filters"][-1]["typed_config"])
        for listener in snapshot.listeners.values()
        for chain in (*listener["filter_chains"], listener.get("default_filter_chain"))
        if chain and chain["filters"][-1]["name"] == "envoy.filters.network.tcp_proxy"
    ]
    assert {name for name, _ in chains} >= {
        "virtualInbound",
        "virtualInbound-blackhole",
        "virtualOutbound-blackhole",
        "virtualOutbound-catchall-tcp",
    }
    for _, proxy in chains:
        opened, ended = (log["typed_config"]["counters"] for log in proxy["access_log"])
        assert [c["stat"]["name"] for c in (*opened, *ended)] == [
            "istio_tcp_connections_opened_total",
            "istio_tcp_connections_closed_total",
            "istio_tcp_sent_bytes_total",
            "istio_tcp_received_bytes_total",
        ]
        wanted = [name for name in LABELS if name not in ("response_code", "grpc_response_status")]
        assert [list(labels(counter)) for counter in (*opened, *ended)] == [wanted] * 4
        assert proxy["access_log_options"] == {"flush_access_log_on_connected": True}


TCP_OVERRIDES = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: TCP_OPENED_CONNECTIONS, mode: CLIENT}
      disabled: true
    - match: {metric: TCP_SENT_BYTES, mode: SERVER}
      tagOverrides: {source_principal: {operation: REMOVE}, port: {value: destination.port}}
    - match: {metric: TCP_RECEIVED_BYTES}
      disabled: true
"""


def test_metrics_of_tcp_are_changed_one_by_one(compiled: Callable[..., Snapshot]) -> None:
    counted: dict[str, dict[str, Config]] = {"INBOUND": {}, "OUTBOUND": {}}
    snapshot = compiled(TCP_OVERRIDES)
    for direction, log in loggers(snapshot, "tcp_proxy"):
        counted[direction] |= {c["stat"]["name"].removeprefix("istio_tcp_"): c for c in log["typed_config"]["counters"]}
    assert counted["OUTBOUND"].keys() == {"connections_closed_total", "sent_bytes_total"}
    assert counted["INBOUND"].keys() == {"connections_opened_total", "connections_closed_total", "sent_bytes_total"}
    sent = labels(counted["INBOUND"]["sent_bytes_total"])
    assert "source_principal" not in sent
    assert "destination.port" in sent["port"]
    assert "port" not in labels(counted["INBOUND"]["connections_closed_total"])
    assert "source_principal" in labels(counted["OUTBOUND"]["sent_bytes_total"])


def test_where_no_metric_of_tcp_is_in_force_nothing_is_logged(compiled: Callable[..., Snapshot]) -> None:
    names = ("OPENED_CONNECTIONS", "CLOSED_CONNECTIONS", "SENT_BYTES", "RECEIVED_BYTES")
    off = "".join(f"\n    - {{match: {{metric: TCP_{name}}}, disabled: true}}" for name in names)
    snapshot = compiled(TCP_OVERRIDES.partition("    overrides:")[0] + "    overrides:" + off)
    assert loggers(snapshot, "tcp_proxy") == []
    assert "flush_access_log_on_connected" not in str(snapshot.listeners)


def test_without_the_provider_nothing_is_counted(compiled: Callable[..., Snapshot]) -> None:
    assert "istio.stats" not in str(compiled("").listeners)
