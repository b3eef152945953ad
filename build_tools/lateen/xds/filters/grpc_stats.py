"""`envoy.filters.http.grpc_stats`: message counts of gRPC calls, for telemetry."""

from __future__ import annotations

from lateen.xds.filters.chain import Chain, typed
from lateen.xds.snapshot import Config

NAME = "envoy.filters.http.grpc_stats"


def build(_chain: Chain) -> list[Config]:
    """Always there; per-method counters are off, since a client chooses the method's name."""
    message = "extensions.filters.http.grpc_stats.v3.FilterConfig"
    return [typed(NAME, message, emit_filter_state=True, stats_for_all_methods=False)]
