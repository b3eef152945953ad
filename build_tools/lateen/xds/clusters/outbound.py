"""Clusters of the services that a proxy may call: one per port, and one per port and subset."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import groupby
from operator import attrgetter

from lateen.diagnostics import Origin
from lateen.model.service import Protocol, Service
from lateen.scope.views import ProxyScope
from lateen.xds.clusters.policy import circuit_breakers, keepalive, load_balancing, outlier_detection
from lateen.xds.clusters.protocol import OFFERED, Upstream, protocol_options, upstream_protocol
from lateen.xds.clusters.transport import identities, transport
from lateen.xds.destinations import Destination, destinations, honoured_tls
from lateen.xds.duration import duration
from lateen.xds.endpoints import load_assignment
from lateen.xds.locality import weighs_localities
from lateen.xds.names import SERVICE, stat_name
from lateen.xds.provenance import config_path
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

_EDS: Config = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}


def outbound_clusters(scope: ProxyScope) -> Resources:
    """Clusters of all visible services; of two services with one host the first wins.

    A DNS service without any address has no cluster: Envoy answers 503 NC, as behind Istio.
    """
    configs: dict[str, Config] = {}
    origins: dict[tuple[str, str], Origin] = {}
    for view, group in groupby(destinations(scope), key=attrgetter("view")):
        sans = identities(scope, view)
        for destination in group:
            if destination.cluster in configs:
                continue
            config = outbound_cluster(scope, destination, sans)
            if config is not None:
                configs[destination.cluster] = config
                origins[destination.cluster, ""] = _origin(destination)
    return Resources(configs, origins)


def outbound_cluster(scope: ProxyScope, destination: Destination, sans: tuple[str, ...]) -> Config | None:
    """The cluster of one destination, or None where it could have no host."""
    found = _discovery(scope, destination)
    if found is None:
        return None
    policy = destination.policy
    pool = policy.connection_pool
    upstream = upstream_protocol(
        destination.port.protocol,
        sniffing=scope.proxy.kind == "sidecar",
        pool=pool,
        mesh_upgrade=scope.config.h2_upgrade_policy == "UPGRADE",
    )
    wrapped = transport(scope, destination, upstream, sans)
    connect = scope.config.connect_timeout if pool is None or pool.connect_timeout is None else pool.connect_timeout
    config: Config = {"name": destination.cluster, "alt_stat_name": stat_name(destination.cluster)}
    config |= found
    config["connect_timeout"] = duration(connect)
    config |= _balancing(scope, destination)
    config["circuit_breakers"] = circuit_breakers(pool, policy.retry_budget)
    config |= keepalive(pool.tcp_keepalive if pool else None)
    if policy.outlier_detection is not None:
        config["outlier_detection"] = outlier_detection(policy.outlier_detection)
    external = destination.view.service.mesh_external
    config |= protocol_options(upstream, pool, honoured_tls(scope, destination), leaves_mesh=external)
    config |= wrapped.fields
    config["metadata"] = _metadata(destination, upstream if wrapped.mesh and _carries_http(destination) else None)
    return config


def service_metadata(service: Service) -> Config:
    """What telemetry calls the destination service."""
    return {"host": service.hostname, "name": service.name, "namespace": service.namespace}


def _origin(destination: Destination) -> Origin:
    """Where a cluster's settings stand: the subset, the rule's policy, or the service that has no rule."""
    rule, subset = destination.rule, destination.subset
    if rule is None:
        return destination.view.service.ref.origin
    if subset is None:
        return rule.ref.at("spec", "trafficPolicy")
    return rule.ref.at("spec", "subsets", rule.subsets.index(subset))


def _discovery(scope: ProxyScope, destination: Destination) -> Config | None:
    kind = destination.discovery
    if kind == "EDS":
        return {"type": kind, "eds_cluster_config": {"service_name": destination.cluster, "eds_config": _EDS}}
    if kind == "ORIGINAL_DST":
        return {"type": kind}
    assignment = load_assignment(scope, destination)
    if not assignment["endpoints"]:
        return None
    # Envoy warns that the last three fields have moved into a cluster type of their own. Istio's `type`, which people
    # and EnvoyFilters read, cannot stand beside that; without the fields every proxy would resolve every 5 s.
    return {
        "type": kind,
        "dns_lookup_family": _dns_family(scope.proxy.addresses),
        "load_assignment": assignment,
        "dns_refresh_rate": "60s",
        "dns_jitter": "0.1s",
        "respect_dns_ttl": True,
    }


def _dns_family(addresses: tuple[str, ...]) -> str:
    """The family of the proxy's own addresses; IPv4 when it has both or none."""
    if addresses and all(ip_address(address).version == 6 for address in addresses):
        return "V6_ONLY"
    return "V4_ONLY"


def _balancing(scope: ProxyScope, destination: Destination) -> Config:
    if destination.discovery == "ORIGINAL_DST":
        return {"lb_policy": "CLUSTER_PROVIDED"}
    policy = destination.policy
    config = load_balancing(policy.load_balancer)
    common: Config = {}
    if weighs_localities(scope, policy):
        common["locality_weighted_lb_config"] = {}
    if policy.outlier_detection is not None:
        # Envoy's panic mode (50 %) would send requests to ejected hosts of a small service.
        common["healthy_panic_threshold"] = {"value": policy.outlier_detection.min_health_percent or 0}
    return config | ({"common_lb_config": common} if common else {})


def _carries_http(destination: Destination) -> bool:
    """Whether requests go to this cluster, so that ALPN must tell the peer which HTTP it is.

    An HTTPS port carries the application's own TLS, unless a rule says ISTIO_MUTUAL: then TLS is the mesh's, and inside
    is HTTP (the way to an egress gateway).
    """
    protocol, tls = destination.port.protocol, destination.policy.tls
    explicit = tls is not None and tls.mode == "ISTIO_MUTUAL"
    return protocol.is_http or protocol is Protocol.AUTO or (protocol is Protocol.HTTPS and explicit)


def _metadata(destination: Destination, alpn: Upstream | None) -> Config:
    service = destination.view.service
    istio: Config = {"services": [service_metadata(service)]}
    if service.mesh_external:
        istio["external"] = True
    if destination.rule is not None:
        istio["config"] = config_path(destination.rule.ref)
    if destination.subset is not None:
        istio["subset"] = destination.subset.name
    filters: Config = {"istio": istio, SERVICE: service_metadata(service)}
    if alpn is not None:
        offered = {"application_protocols": OFFERED[alpn]} if alpn in OFFERED else {}
        filters["lateen"] = {"alpn": alpn.value, **offered}
    return {"filter_metadata": filters}
