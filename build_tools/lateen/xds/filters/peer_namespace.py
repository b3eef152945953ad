"""`lateen.peer_namespace`: the namespace of a caller, from its certificate, for labels of metrics.

Only an expression can take it out of the certificate's name, and a logger would evaluate it for each label of each
metric of each request. So it is evaluated once per connection, when the handshake has shown the certificate.
"""

from __future__ import annotations

from lateen.scope.views import ProxyScope
from lateen.xds.filters.chain import typed
from lateen.xds.snapshot import Config

NAME = "lateen.peer_namespace"
"""Of the filter, and of the filter state that it sets."""


def expression(connection: str) -> str:
    """CEL for the namespace of the peer of that connection, `connection` (downstream) or `upstream`."""
    return rf"re.extract({connection}.uri_san_peer_certificate, '^[^:]+://[^/]+/ns/([^/]+)/', r'\1')"


def build(scope: ProxyScope) -> list[Config]:
    """Where mutual TLS of the mesh ends, if metrics are counted."""
    if not scope.telemetry.server_metrics:
        return []
    value = {
        "object_key": NAME,
        "factory_key": "envoy.string",
        "skip_if_empty": True,
        "format_string": {
            "text_format_source": {"inline_string": f"%CEL({expression('connection')})%"},
            "omit_empty_values": True,
        },
    }
    return [typed(NAME, "extensions.filters.network.set_filter_state.v3.Config", on_downstream_tls_handshake=[value])]
