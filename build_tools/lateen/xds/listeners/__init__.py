"""Listeners of a proxy: what it takes from its workload, what it accepts for it, and what a router serves."""

from __future__ import annotations

from dataclasses import replace

from lateen.scope.views import ProxyScope
from lateen.xds.authorization.origins import policy_origins
from lateen.xds.listeners.gateway import gateway_listeners
from lateen.xds.listeners.inbound import inbound_listeners
from lateen.xds.listeners.outbound import outbound_listeners
from lateen.xds.resources import Resources

__all__ = ["listeners"]


def listeners(scope: ProxyScope) -> Resources:
    """All listeners of a sidecar or a router."""
    built = Resources.merge((outbound_listeners(scope), inbound_listeners(scope), gateway_listeners(scope)))
    return replace(built, origins=built.origins | policy_origins(scope.authorization, built.configs))
