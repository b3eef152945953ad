"""`envoy.filters.http.router`: sends the request on."""

from __future__ import annotations

from lateen.xds.filters.chain import Chain, typed
from lateen.xds.snapshot import Config

NAME = "envoy.filters.http.router"


def build(_chain: Chain) -> list[Config]:
    """Always there, and last."""
    return [typed(NAME, "extensions.filters.http.router.v3.Router")]
