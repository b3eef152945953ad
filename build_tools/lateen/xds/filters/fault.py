"""`envoy.filters.http.fault`: delays and aborts that a route orders."""

from __future__ import annotations

from lateen.xds.filters.chain import Chain, typed
from lateen.xds.snapshot import Config

NAME = "envoy.filters.http.fault"


def build(_chain: Chain) -> list[Config]:
    """Always there; routes carry the fault."""
    return [typed(NAME, "extensions.filters.http.fault.v3.HTTPFault")]
