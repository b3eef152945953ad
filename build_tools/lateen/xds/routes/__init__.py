"""Route configurations: which virtual host and route a request takes, and to which cluster."""

from __future__ import annotations

from lateen.xds.routes.gateway import gateway_routes
from lateen.xds.routes.inbound import inbound_passthrough_route, inbound_route
from lateen.xds.routes.sidecar import has_own_listener, outbound_routes

__all__ = ["gateway_routes", "has_own_listener", "inbound_passthrough_route", "inbound_route", "outbound_routes"]
