"""Endpoints: the ClusterLoadAssignment of each cluster that finds its hosts by EDS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lateen.model.canonical import canonical_name, canonical_revision
from lateen.model.service import Endpoint
from lateen.model.traffic_policy import Subset
from lateen.scope.views import ProxyScope, ServiceView
from lateen.xds.destinations import Destination, destinations
from lateen.xds.locality import apply_locality
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

_MTLS_MATCH: Config = {"tlsMode": "istio"}


def endpoints(scope: ProxyScope) -> Resources:
    """One assignment per EDS cluster that this proxy has, empty where a service has no healthy endpoint."""
    configs: dict[str, Config] = {}
    origins = {}
    for destination in destinations(scope):
        if destination.discovery == "EDS" and destination.cluster not in configs:
            configs[destination.cluster] = load_assignment(scope, destination)
            origins[destination.cluster, ""] = destination.view.service.ref.origin
    return Resources(configs, origins)


def load_assignment(scope: ProxyScope, destination: Destination) -> Config:
    """The hosts of a cluster, grouped by locality, with the weights and priorities of locality load balancing."""
    chosen = select(destination.view, destination.port.number, destination.subset)
    localities = _by_locality(chosen)
    groups = [_group(locality, members) for locality, members in localities.items()]
    groups = apply_locality(scope, destination.policy, groups, list(localities.items()))
    return {"cluster_name": destination.cluster, "endpoints": groups}


def select(view: ServiceView, port: int, subset: Subset | None = None) -> list[Endpoint]:
    """The healthy endpoints of a port that carry the subset's labels.

    Istio leaves out what is not ready instead of sending it with its health status.
    """
    labels = subset.labels if subset else ()
    return [
        endpoint
        for endpoint in view.endpoints
        if endpoint.service_port == port
        and endpoint.health == "HEALTHY"
        and all(endpoint.labels.get(key) == value for key, value in labels)
    ]


def _by_locality(members: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    groups: dict[str, list[Endpoint]] = {}
    for endpoint in members:
        groups.setdefault(endpoint.locality, []).append(endpoint)
    return dict(sorted(groups.items()))


def _group(locality: str, members: Sequence[Endpoint]) -> Config:
    group: Config = {}
    if locality:
        group["locality"] = dict(zip(("region", "zone", "sub_zone"), locality.split("/"), strict=False))
    group["lb_endpoints"] = [lb_endpoint(endpoint) for endpoint in members]
    group["load_balancing_weight"] = sum(endpoint.weight or 1 for endpoint in members)
    return group


def lb_endpoint(endpoint: Endpoint) -> Config:
    """One host with what telemetry needs to name it, and whether its sidecar speaks mesh mTLS.

    Metrics read the workload in parts, because Envoy's formatter can take them out of Istio's text by regular
    expressions only, which it compiles each time.
    """
    metadata: Config = {}
    if endpoint.tls_mode == "istio":
        metadata["envoy.transport_socket_match"] = _MTLS_MATCH
    if endpoint.workload or endpoint.namespace:
        workload = _workload(endpoint)
        metadata["istio"] = {"workload": ";".join(workload.values())}
        metadata["lateen"] = {name: value for name, value in workload.items() if value}
    host: Config = {"endpoint": {"address": address(endpoint.address, endpoint.port)}}
    if metadata:
        host["metadata"] = {"filter_metadata": metadata}
    host["load_balancing_weight"] = endpoint.weight or 1
    return host


def address(host: str, port: int) -> Config:
    """A socket address, or a pipe for `unix:///path` and absolute paths."""
    if host.startswith("unix://"):
        return {"pipe": {"path": host.removeprefix("unix://")}}
    if host.startswith(("/", "@")):
        return {"pipe": {"path": host}}
    return {"socket_address": {"address": host, "port_value": port}}


def _workload(endpoint: Endpoint) -> dict[str, str]:
    """Workload, namespace, canonical name, canonical revision and cluster, in the order of Istio's text of them."""
    return {
        "workload": endpoint.workload,
        "namespace": endpoint.namespace,
        "canonical_service": canonical_name(endpoint.labels, endpoint.workload),
        "canonical_revision": canonical_revision(endpoint.labels),
        "cluster": endpoint.cluster,
    }
