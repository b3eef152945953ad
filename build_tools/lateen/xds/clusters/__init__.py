"""Clusters of a proxy: what it may call, what it serves, and the special ones."""

from __future__ import annotations

from lateen.scope.views import ProxyScope
from lateen.xds.clusters.inbound import inbound_clusters
from lateen.xds.clusters.outbound import outbound_clusters
from lateen.xds.clusters.special import special_clusters
from lateen.xds.resources import Resources
from lateen.xds.sharing import shared

__all__ = ["clusters"]


def clusters(scope: ProxyScope) -> Resources:
    """All clusters of a sidecar or a router."""
    return Resources.merge((_outbound(scope), special_clusters(scope), inbound_clusters(scope)))


_outbound = shared(outbound_clusters)
