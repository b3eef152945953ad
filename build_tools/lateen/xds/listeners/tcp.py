"""Filters of a TCP chain: authorization, then the proxy to a cluster."""

from __future__ import annotations

from typing import Any

from lateen.model.routing import WeightedDestination
from lateen.model.service import Service
from lateen.model.traffic_policy import TrafficPolicy
from lateen.scope.views import ServiceView
from lateen.xds.access_log import connection_logs
from lateen.xds.clusters.outbound import service_metadata
from lateen.xds.duration import duration
from lateen.xds.effective_policy import effective_policy
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.filters.order import network_filters
from lateen.xds.names import BLACK_HOLE_CLUSTER
from lateen.xds.routes.target import Place
from lateen.xds.snapshot import Config
from lateen.xds.telemetry import ON_CONNECTED, tcp_stats_logs

_NAME = "envoy.filters.network.tcp_proxy"
_MESSAGE = "extensions.filters.network.tcp_proxy.v3.TcpProxy"

# At once in plaintext; with TLS not before the handshake, without which it is not known who is calling.
_WHEN_CALLER_IS_KNOWN: Config = {"upstream_connect_mode": "ON_DOWNSTREAM_TLS_HANDSHAKE", "max_early_data_bytes": 0}


def to_cluster(
    chain: Chain, cluster: str, policy: TrafficPolicy | None = None, service: Service | None = None
) -> list[Config]:
    """Filters that lead every connection to one cluster; `service` is the cluster's, where it is known."""
    known = service_metadata(service) if service else None
    return [*network_filters(chain), _proxy(chain, cluster, policy, known, cluster=cluster)]


def pass_through(chain: Chain, cluster: str) -> list[Config]:
    """Filters that lead every connection to one of the special clusters, which metrics name as the service.

    Outbound, extensions are for what services name, as in Istio.
    """
    before = network_filters(chain) if chain.direction is Direction.INBOUND else []
    return [*before, _proxy(chain, cluster, None, {"name": cluster}, cluster=cluster)]


def black_hole(chain: Chain) -> list[Config]:
    """Filters that end every connection, whoever makes it."""
    return [_proxy(chain, BLACK_HOLE_CLUSTER, None, {"name": BLACK_HOLE_CLUSTER}, cluster=BLACK_HOLE_CLUSTER)]


def to_destinations(
    chain: Chain, routes: tuple[WeightedDestination, ...], place: Place, stat_prefix: str
) -> list[Config]:
    """Filters that lead connections to the destinations of a rule, by weight; none if nothing has any weight."""
    live = [route for route in routes if route.weight] if len(routes) > 1 else list(routes)
    if not live:
        return []
    first = live[0].destination
    view = place.services.get(first.host)
    policy = _policy(view, first.port or place.port, first.subset) if len(live) == 1 else _policy(view, place.port)
    if len(live) == 1:
        return to_cluster(chain, place.cluster(first), policy)
    clusters = [{"name": place.cluster(route.destination), "weight": route.weight} for route in live]
    proxy = _proxy(chain, stat_prefix, policy, None, weighted_clusters={"clusters": clusters})
    return [*network_filters(chain), proxy]


def _policy(view: ServiceView | None, port: int, subset_name: str = "") -> TrafficPolicy | None:
    if view is None or view.rule is None:
        return None
    subset = next((s for s in view.rule.subsets if s.name == subset_name), None)
    return effective_policy(view.rule, port, subset)


def _proxy(chain: Chain, stat_prefix: str, policy: TrafficPolicy | None, known: Config | None, **target: Any) -> Config:
    config: Config = {"stat_prefix": stat_prefix, **target}
    pool = policy.connection_pool if policy else None
    if pool and pool.tcp_idle_timeout is not None:
        config["idle_timeout"] = duration(pool.tcp_idle_timeout)
    if pool and pool.max_connection_duration is not None:
        config["max_downstream_connection_duration"] = duration(pool.max_connection_duration)
    balancer = policy.load_balancer if policy else None
    if balancer and balancer.consistent_hash and balancer.consistent_hash.source_ip:
        config["hash_policy"] = [{"source_ip": {}}]
    if policy and policy.tunnel:
        protocol, host, port = policy.tunnel
        config["tunneling_config"] = {"hostname": f"{host}:{port}"} | ({"use_post": True} if protocol == "POST" else {})
    if chain.direction is Direction.INBOUND:
        config |= _WHEN_CALLER_IS_KNOWN
    stats = tcp_stats_logs(chain, known)
    if logs := [*stats, *connection_logs(chain)]:
        config["access_log"] = logs
    if stats:
        config["access_log_options"] = ON_CONNECTED
    return typed(_NAME, _MESSAGE, **config)
