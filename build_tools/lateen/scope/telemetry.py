"""What a proxy measures and logs: the Telemetry of the mesh, its namespace and its workload, merged."""

from __future__ import annotations

from collections.abc import Mapping

from lateen.model.mesh import Mesh
from lateen.model.mesh_config import MeshConfig, Provider
from lateen.model.proxy import Proxy
from lateen.model.telemetry import AccessLogging, Metrics, MetricsOverride, TagOverride, Telemetry
from lateen.scope.views import AccessLog, Metric, TelemetryView

ALL = "ALL_METRICS"
METRICS = (
    "REQUEST_COUNT",
    "REQUEST_DURATION",
    "REQUEST_SIZE",
    "RESPONSE_SIZE",
    "TCP_OPENED_CONNECTIONS",
    "TCP_CLOSED_CONNECTIONS",
    "TCP_SENT_BYTES",
    "TCP_RECEIVED_BYTES",
    "GRPC_REQUEST_MESSAGES",
    "GRPC_RESPONSE_MESSAGES",
)
BUILT_IN_LOG = "envoy"
CLIENT, SERVER, BOTH = "CLIENT", "SERVER", "CLIENT_AND_SERVER"


def telemetry_view(mesh: Mesh, proxy: Proxy) -> TelemetryView:
    """The metrics and logs in force in each direction. Source: Istio, `telemetry.go` (`mergeMetrics`, `mergeLogs`)."""
    levels = telemetries(mesh, proxy.namespace, proxy.labels)
    metrics = [item for level in levels for item in level.metrics]
    logs = [level.access_logging for level in levels if level.access_logging]
    return TelemetryView(
        client_metrics=_metrics(metrics, mesh.config, CLIENT),
        server_metrics=_metrics(metrics, mesh.config, SERVER),
        client_logs=_logs(logs, mesh.config, CLIENT),
        server_logs=_logs(logs, mesh.config, SERVER),
    )


def telemetries(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> list[Telemetry]:
    """The resources that apply, widest first: one of the root namespace, of the namespace, of the workload."""
    plain = dict(labels)
    root = mesh.config.root_namespace
    wide = [t for t in mesh.telemetries if not t.selector]
    own = [t for t in mesh.telemetries if t.selector and t.ref.namespace == namespace and t.selector.selects(plain)]
    levels = [next((t for t in wide if t.ref.namespace == owner), None) for owner in dict.fromkeys((root, namespace))]
    return [level for level in (*levels, *own[:1]) if level is not None]


def _metrics(metrics: list[Metrics], config: MeshConfig, mode: str) -> tuple[Metric, ...]:
    """The metrics of the first Prometheus provider in force; none if there is no such provider."""
    in_force = config.default_metrics or ()
    for item in metrics:
        in_force = item.providers or in_force
    prometheus = next((name for name in in_force if _is_prometheus(config, name)), None)
    if prometheus is None:
        return ()
    disabled: set[str] = set()
    tags: dict[str, dict[str, TagOverride]] = {name: {} for name in METRICS}
    providers = config.default_metrics or ()
    for item in metrics:
        providers = item.providers or providers
        if prometheus in providers:
            for override in item.overrides:
                _apply(override, mode, disabled, tags)
    return tuple(
        Metric(name, tuple(tags[name][tag] for tag in sorted(tags[name]))) for name in METRICS if name not in disabled
    )


def _apply(override: MetricsOverride, mode: str, disabled: set[str], tags: dict[str, dict[str, TagOverride]]) -> None:
    if override.mode not in (mode, BOTH):
        return
    for name in METRICS if override.metric == ALL else (override.metric,):
        if name not in METRICS:
            continue
        if override.disabled is not None:
            (disabled.add if override.disabled else disabled.discard)(name)
        tags[name] |= {tag.tag: tag for tag in override.tags}


def _is_prometheus(config: MeshConfig, name: str) -> bool:
    provider = config.provider(name)
    return provider is not None and provider.kind == "prometheus"


def _logs(levels: list[tuple[AccessLogging, ...]], config: MeshConfig, mode: str) -> tuple[AccessLog, ...]:
    """The access logs in force. A level that names providers replaces those of wider levels.

    MeshConfig's `accessLogFile` holds where neither a Telemetry nor `defaultProviders` speaks of access logs.
    """
    in_force = config.default_access_logging or ()
    if config.access_log_file and not levels and not in_force:
        return (AccessLog(Provider(BUILT_IN_LOG, "envoyFileAccessLog", {"path": config.access_log_file})),)
    filters: dict[str, str] = {}
    for level in levels:
        named = tuple(dict.fromkeys(name for item in level for name in item.providers))
        filters |= {name: item.filter for item in level for name in item.providers}
        in_force = named or in_force
    enabled: dict[str, None] = {} if levels else dict.fromkeys(in_force)
    providers = config.default_access_logging or ()
    for item in (item for level in levels for item in level):
        providers = item.providers or providers
        for name in providers:
            if name not in in_force or item.mode not in (mode, BOTH):
                continue
            if item.disabled:
                enabled.pop(name, None)
            else:
                enabled[name] = None
    found = ((config.provider(name), filters.get(name, "")) for name in sorted(enabled))
    return tuple(AccessLog(provider, expression) for provider, expression in found if provider)
