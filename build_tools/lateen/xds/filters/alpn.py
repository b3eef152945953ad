"""`istio.alpn`: tells the peer's proxy, by ALPN, that a connection carries HTTP of the mesh and in which version.

Istio has a filter of its own for this. On stock Envoy `set_filter_state` offers the protocols, as the metadata
`lateen.alpn` of the chosen cluster says (h1, h2, or downstream: the client's version). Without that metadata nothing
is set and the cluster's own ALPN stays: an expression that fails would offer the protocol `-`.
"""

from __future__ import annotations

from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.snapshot import Config

NAME = "istio.alpn"

_CHOICE = "xds.cluster_metadata.filter_metadata['lateen']['alpn']"
_HTTP1 = "'istio-http/1.1,istio,http/1.1'"
_HTTP2 = "'istio-h2,istio,h2'"
_DOWNSTREAM = (
    f"request.protocol == 'HTTP/2' ? {_HTTP2}"
    f" : request.protocol == 'HTTP/1.0' ? 'istio-http/1.0,istio,http/1.0' : {_HTTP1}"
)
EXPRESSION = (
    "'lateen' in xds.cluster_metadata.filter_metadata"
    f" ? ({_CHOICE} == 'h2' ? {_HTTP2} : {_CHOICE} == 'h1' ? {_HTTP1}"
    f" : {_CHOICE} == 'downstream' ? ({_DOWNSTREAM}) : '') : ''"
)


def build(chain: Chain) -> list[Config]:
    """Where requests leave for other proxies: sidecars' outbound listeners and gateways."""
    if chain.direction is Direction.INBOUND:
        return []
    value = {
        "object_key": "envoy.network.application_protocols",
        "shared_with_upstream": "ONCE",
        "skip_if_empty": True,
        "format_string": {"text_format_source": {"inline_string": f"%CEL({EXPRESSION})%"}},
    }
    return [typed(NAME, "extensions.filters.http.set_filter_state.v3.Config", on_request_headers=[value])]
