"""`istio.alpn`: tells the peer's proxy, by ALPN, that a connection carries HTTP of the mesh and in which version.

Istio has a filter of its own for this. On stock Envoy `set_filter_state` offers the protocols that the metadata of the
chosen cluster names under `lateen`: `application_protocols`, or with `alpn: downstream` those of the client's version.
Only the latter takes an expression, which costs many times what the operator does. Where there is neither, nothing is
set and the cluster's own ALPN stays.
"""

from __future__ import annotations

import json

from lateen.xds.clusters.protocol import OFFERED, Upstream
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.snapshot import Config

NAME = "istio.alpn"

_DOWNSTREAM = (
    "xds.cluster_metadata.filter_metadata['lateen']['alpn'] != 'downstream' ? ''"
    f" : request.protocol == 'HTTP/2' ? '{OFFERED[Upstream.HTTP2]}'"
    f" : request.protocol == 'HTTP/1.0' ? 'istio-http/1.0,istio,http/1.0' : '{OFFERED[Upstream.HTTP1]}'"
)
_SOURCES = [
    {"command": "CLUSTER_METADATA", "param": "lateen:application_protocols"},
    {"command": "CEL", "param": _DOWNSTREAM},
]
FORMAT = f"%COALESCE({json.dumps({'operators': _SOURCES}, separators=(',', ':'))})%"


def build(chain: Chain) -> list[Config]:
    """Where requests leave for other proxies: sidecars' outbound listeners and gateways."""
    if chain.direction is Direction.INBOUND:
        return []
    value = {
        "object_key": "envoy.network.application_protocols",
        "shared_with_upstream": "ONCE",
        "skip_if_empty": True,
        "format_string": {"text_format_source": {"inline_string": FORMAT}, "omit_empty_values": True},
    }
    return [typed(NAME, "extensions.filters.http.set_filter_state.v3.Config", on_request_headers=[value])]
