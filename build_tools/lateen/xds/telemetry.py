"""Istio's standard metrics from Envoy's native stats access logger.

Labels, their order and their fallback values are those of Istio's stats filter. A proxy's own labels are literals; the
peer's come from the filter state that `peer_metadata` publishes, fallbacks included. An error anywhere in a CEL
expression empties its label, so every step that can be absent is guarded.
"""

from __future__ import annotations

from collections.abc import Iterable

from lateen.model.telemetry import TagOverride
from lateen.scope.views import Metric
from lateen.xds.filters import metadata_exchange
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.snapshot import Config

NAME = "istio.stats"
NAMESPACE = "wasmcustom"
"""The stat scope whose metrics are exposed without `envoy_`, once a Wasm module is loaded."""

# Labels may hold what a client chose, such as the host of an outbound request: their number is bounded.
_MAX_SERIES = 10_000
_SCOPE: Config = {"prefix": NAMESPACE, "max_counters": _MAX_SERIES, "max_histograms": _MAX_SERIES}

UNKNOWN = "unknown"
PEER = ("workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster")
"""What `peer_metadata` publishes of a peer, as `wasm.peer_metadata.{downstream,upstream}_X`."""

_COUNTERS = {"REQUEST_COUNT": ("istio_requests_total", None)}
_HISTOGRAMS = {
    "REQUEST_DURATION": ("istio_request_duration_milliseconds", "Milliseconds", "%DURATION%"),
    "REQUEST_SIZE": ("istio_request_bytes", "Bytes", "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"),
    "RESPONSE_SIZE": ("istio_response_bytes", "Bytes", "%DOWNSTREAM_WIRE_BYTES_SENT%"),
}

_SPECIAL_CLUSTERS = ("BlackHoleCluster", "PassthroughCluster", "InboundPassthroughCluster")
_SERVICES = "xds.cluster_metadata.filter_metadata['istio']['services'][0]"
_HAS_SERVICES = (
    "has(xds.cluster_metadata) && has(xds.cluster_metadata.filter_metadata)"
    " && 'istio' in xds.cluster_metadata.filter_metadata"
    " && 'services' in xds.cluster_metadata.filter_metadata['istio']"
)
_GRPC = (
    "'content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc')"
    " ? 'grpc' : 'http'"
)


def stats_logs(chain: Chain) -> list[Config]:
    """The stats logger of a connection manager, or nothing where no metric is in force."""
    telemetry = chain.scope.telemetry
    inbound = chain.direction is Direction.INBOUND
    metrics = telemetry.server_metrics if inbound else telemetry.client_metrics
    tags = _server_tags(chain) if inbound else _client_tags(chain)
    counters = [
        {"stat": _stat(_COUNTERS[m.name][0], tags, m), "value_fixed": 1} for m in metrics if m.name in _COUNTERS
    ]
    histograms = [_histogram(m, tags) for m in metrics if m.name in _HISTOGRAMS]
    fields: Config = {"stats_scope": _SCOPE}
    if counters:
        fields["counters"] = counters
    if histograms:
        fields["histograms"] = histograms
    if not counters and not histograms:
        return []
    return [typed(NAME, "extensions.access_loggers.stats.v3.Config", **fields)]


def _histogram(metric: Metric, tags: dict[str, str]) -> Config:
    name, unit, value = _HISTOGRAMS[metric.name]
    return {"stat": _stat(name, tags, metric), "unit": unit, "value_format": value}


def _stat(name: str, tags: dict[str, str], metric: Metric) -> Config:
    chosen = _overridden(tags, metric.tags)
    return {"name": name, "tags": [{"name": tag, "value_format": value} for tag, value in chosen.items()]}


def _overridden(tags: dict[str, str], overrides: Iterable[TagOverride]) -> dict[str, str]:
    chosen = dict(tags)
    for override in overrides:
        if override.operation == "REMOVE":
            chosen.pop(override.tag, None)
        else:
            chosen[override.tag] = f"%CEL({override.value})%"
    return chosen


def _client_tags(chain: Chain) -> dict[str, str]:
    """reporter=source: this proxy calls; what it called is the upstream peer."""
    sidecar = chain.direction is Direction.OUTBOUND
    own, peer = _own(chain), _peer(chain, "upstream")
    return _tags(
        "source",
        source=own | {"principal": _certificate("upstream", "local")},
        destination=peer | {"principal": _certificate("upstream", "peer")},
        service=_service("request.host" if sidecar else f"'{UNKNOWN}'", peer["namespace"]),
        security=UNKNOWN,
    )


def _server_tags(chain: Chain) -> dict[str, str]:
    """reporter=destination: this proxy is called; the caller is the downstream peer."""
    own, peer = _own(chain), _peer(chain, "downstream")
    return _tags(
        "destination",
        source=peer | {"principal": _certificate("connection", "peer")},
        destination=own | {"principal": _certificate("connection", "local")},
        service=_service(f"'{UNKNOWN}'", own["namespace"]),
        security="%CEL(connection.mtls ? 'mutual_tls' : 'none')%",
    )


def _tags(
    reporter: str, source: dict[str, str], destination: dict[str, str], service: dict[str, str], security: str
) -> dict[str, str]:
    """All labels in Istio's order."""
    return {
        "reporter": reporter,
        "source_workload": source["workload"],
        "source_canonical_service": source["canonical_service"],
        "source_canonical_revision": source["canonical_revision"],
        "source_workload_namespace": source["namespace"],
        "source_principal": source["principal"],
        "source_app": source["app"],
        "source_version": source["version"],
        "source_cluster": source["cluster"],
        "destination_workload": destination["workload"],
        "destination_workload_namespace": destination["namespace"],
        "destination_principal": destination["principal"],
        "destination_app": destination["app"],
        "destination_version": destination["version"],
        "destination_service": service["host"],
        "destination_canonical_service": destination["canonical_service"],
        "destination_canonical_revision": destination["canonical_revision"],
        "destination_service_name": service["name"],
        "destination_service_namespace": service["namespace"],
        "destination_cluster": destination["cluster"],
        "request_protocol": f"%CEL({_GRPC})%",
        "response_code": "%RESPONSE_CODE%",
        "grpc_response_status": "%GRPC_STATUS_NUMBER%",
        "response_flags": "%RESPONSE_FLAGS%",
        "connection_security_policy": security,
    }


def _own(chain: Chain) -> dict[str, str]:
    proxy = chain.scope.proxy
    values = {
        "workload": proxy.owner,
        "namespace": proxy.namespace,
        "app": proxy.labels.get("app", ""),
        "version": proxy.labels.get("version", ""),
        "canonical_service": proxy.canonical_name,
        "canonical_revision": proxy.canonical_revision,
        "cluster": proxy.cluster,
    }
    return {name: (value or UNKNOWN).replace("%", "%%") for name, value in values.items()}


def _peer(chain: Chain, side: str) -> dict[str, str]:
    if not metadata_exchange.enabled(chain.scope.proxy):
        return dict.fromkeys(PEER, UNKNOWN)
    return {name: f"%FILTER_STATE(wasm.peer_metadata.{side}_{name}:PLAIN)%" for name in PEER}


def _certificate(connection: str, side: str) -> str:
    attribute = f"{connection}.uri_san_{side}_certificate"
    return f"%CEL(has({attribute}) && {attribute} != '' ? {attribute} : '{UNKNOWN}')%"


def _service(fallback: str, namespace: str) -> dict[str, str]:
    """The destination service: what the cluster says, else the Host header where that may be trusted.

    Traffic to no known service is named after the cluster or the route that took it.
    """
    special = ", ".join(f"'{name}'" for name in _SPECIAL_CLUSTERS)
    name = (
        "has(xds.route_name) && xds.route_name == 'block_all' ? 'BlackHoleCluster'"
        " : has(xds.route_name) && xds.route_name == 'allow_any' ? 'PassthroughCluster'"
        f" : has(xds.cluster_name) && xds.cluster_name in [{special}] ? xds.cluster_name"
        f" : {_HAS_SERVICES} ? {_SERVICES}['name'] : {fallback}"
    )
    return {
        "host": f"%CEL({_HAS_SERVICES} ? {_SERVICES}['host'] : {fallback})%",
        "name": f"%CEL({name})%",
        "namespace": f"%CEL({_HAS_SERVICES} ? {_SERVICES}['namespace'] : {_value(namespace)})%",
    }


def _value(text: str) -> str:
    """A label's value as a CEL expression: filter state is read by its key, anything else is a literal."""
    if text.startswith("%FILTER_STATE("):
        key = text.removeprefix("%FILTER_STATE(").removesuffix(":PLAIN)%")
        return f"'{key}' in filter_state ? filter_state['{key}'] : '{UNKNOWN}'"
    return f"'{text}'"
