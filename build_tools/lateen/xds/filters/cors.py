"""`envoy.filters.http.cors`: does what a route's cross-origin policy says, nothing without one."""

from __future__ import annotations

from lateen.xds.filters.chain import Chain, typed
from lateen.xds.snapshot import Config

NAME = "envoy.filters.http.cors"


def build(_chain: Chain) -> list[Config]:
    """Always there; routes carry the policy."""
    return [typed(NAME, "extensions.filters.http.cors.v3.Cors")]
