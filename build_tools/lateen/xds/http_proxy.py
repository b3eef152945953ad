"""The port on which a sidecar takes HTTP from applications that are told to use a proxy."""

from __future__ import annotations

from lateen.scope.views import ProxyScope

HTTP_PROXY_PORT = 15002
"""Where a proxy has an outbound address of its own and nobody names a port."""


def http_proxy_port(scope: ProxyScope) -> int:
    """The port of that listener; 0 when this sidecar has none.

    MeshConfig's `proxyHttpPort`, as in Istio; else the runtime's `LATEEN_HTTP_PROXY_PORT`. A proxy with an outbound
    address of its own always has the listener: it is the only way in for applications that know nothing of the mesh.
    """
    metadata = scope.proxy.metadata
    own = HTTP_PROXY_PORT if "LATEEN_OUTBOUND_ADDRESS" in metadata else 0
    return scope.config.proxy_http_port or int(metadata.get("LATEEN_HTTP_PROXY_PORT", own))
