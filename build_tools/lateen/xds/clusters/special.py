"""Clusters that every proxy has: for what nobody declared, in either direction, and for what must go nowhere."""

from __future__ import annotations

from lateen.scope.views import ProxyScope
from lateen.xds.clusters.inbound import passthrough_bind
from lateen.xds.clusters.policy import circuit_breakers
from lateen.xds.clusters.protocol import passthrough_options
from lateen.xds.duration import duration
from lateen.xds.names import (
    BLACK_HOLE_CLUSTER,
    INBOUND_PASSTHROUGH_CLUSTER,
    PASSTHROUGH_CLUSTER,
    SERVICE,
    stat_name,
)
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config


def special_clusters(scope: ProxyScope) -> Resources:
    """BlackHoleCluster, and for a sidecar the two passthrough clusters as well."""
    configs = [_black_hole(scope)]
    if scope.proxy.kind == "sidecar":
        inbound = _passthrough(scope, INBOUND_PASSTHROUGH_CLUSTER) | passthrough_bind(scope.proxy)
        configs += [_passthrough(scope, PASSTHROUGH_CLUSTER), inbound]
    return Resources({config["name"]: config | _named(config["name"]) for config in configs})


def _named(name: str) -> Config:
    """Telemetry calls what goes to no service after the cluster."""
    return {"metadata": {"filter_metadata": {SERVICE: {"name": name}}}}


def _black_hole(scope: ProxyScope) -> Config:
    return {
        "name": BLACK_HOLE_CLUSTER,
        "alt_stat_name": stat_name(BLACK_HOLE_CLUSTER),
        "type": "STATIC",
        "connect_timeout": duration(scope.config.connect_timeout),
        "lb_policy": "ROUND_ROBIN",
    }


def _passthrough(scope: ProxyScope, name: str) -> Config:
    config: Config = {
        "name": name,
        "alt_stat_name": stat_name(name),
        "type": "ORIGINAL_DST",
        "connect_timeout": duration(scope.config.connect_timeout),
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": circuit_breakers(None),
    }
    return config | passthrough_options(leaves_mesh=name == PASSTHROUGH_CLUSTER)
