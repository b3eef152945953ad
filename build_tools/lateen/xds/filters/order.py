"""The order of filters: a table for HTTP and one for TCP, a reason on each row, no default."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lateen.xds.filters import alpn, cors, extensions, fault, grpc_stats, metadata_exchange, plugged, rbac, router
from lateen.xds.filters.chain import Chain
from lateen.xds.snapshot import Config


class Slot(NamedTuple):
    """A place in the chain, who fills it, and why it is there."""

    name: str
    build: Callable[[Chain], list[Config]]
    reason: str


ORDER = (
    Slot(
        "istio.metadata_exchange",
        metadata_exchange.build,
        "first, so that a request denied by any later filter is counted with its peer's labels",
    ),
    Slot("extensions AUTHN", extensions.of_phase("AUTHN"), "may establish who calls, before anything asks"),
    Slot("plug-ins AUTHN", plugged.of_phase("AUTHN"), "as the extensions of that phase, which the mesh itself names"),
    Slot("extensions AUTHZ", extensions.of_phase("AUTHZ"), "after authentication, before Istio's own authorization"),
    Slot("plug-ins AUTHZ", plugged.of_phase("AUTHZ"), "as the extensions of that phase"),
    Slot("envoy.filters.http.rbac", rbac.build, "authorization, on what authentication has established"),
    Slot("extensions STATS", extensions.of_phase("STATS"), "sees only what was allowed"),
    Slot("plug-ins STATS", plugged.of_phase("STATS"), "as the extensions of that phase"),
    Slot("extensions UNSPECIFIED", extensions.of_phase("UNSPECIFIED"), "the end of the chain, near the router"),
    Slot("plug-ins UNSPECIFIED", plugged.of_phase("UNSPECIFIED"), "as the extensions of that phase"),
    Slot("envoy.filters.http.grpc_stats", grpc_stats.build, "counts gRPC messages for telemetry, of allowed calls"),
    Slot("istio.alpn", alpn.build, "needs the route's cluster; before faults, as in Istio"),
    Slot("envoy.filters.http.fault", fault.build, "answers in the destination's place, so after all policy"),
    Slot("envoy.filters.http.cors", cors.build, "answers preflight requests by the route's policy"),
    Slot("envoy.filters.http.router", router.build, "ends the chain"),
)

NETWORK_ORDER = (
    Slot("extensions AUTHN", extensions.network_of_phase("AUTHN"), "may establish who calls, before anything asks"),
    Slot("extensions AUTHZ", extensions.network_of_phase("AUTHZ"), "before Istio's own authorization"),
    Slot("envoy.filters.network.rbac", rbac.network_filters, "authorization, on what a connection shows"),
    Slot("extensions STATS", extensions.network_of_phase("STATS"), "sees only what was allowed"),
    Slot("extensions UNSPECIFIED", extensions.network_of_phase("UNSPECIFIED"), "the end of the chain, near the proxy"),
)
"""What stands before a TCP proxy."""


def http_filters(chain: Chain) -> list[Config]:
    """The HTTP filters of a connection manager, in order."""
    return [http_filter for slot in ORDER for http_filter in slot.build(chain)]


def network_filters(chain: Chain) -> list[Config]:
    """The network filters before a TCP proxy, in order."""
    return [network_filter for slot in NETWORK_ORDER for network_filter in slot.build(chain)]
