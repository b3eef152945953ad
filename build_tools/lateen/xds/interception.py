"""How connections reach a proxy: redirected to two ports (REDIRECT, TPROXY), or by listeners that bind (NONE)."""

from __future__ import annotations

from lateen.model.proxy import Proxy

UNPRIVILEGED = 1024
"""Ports below are not bound without interception: an ordinary user may not."""


def binds(proxy: Proxy) -> bool:
    """Whether every listener binds its own address, as without interception."""
    return proxy.kind == "sidecar" and proxy.interception == "NONE"


def exclusive(proxy: Proxy) -> bool:
    """Whether a second Envoy on the same address must fail instead of taking a share of the connections."""
    return "LATEEN_BIND_ADDRESS" in proxy.metadata


def outbound_address(proxy: Proxy) -> str:
    """Where outbound listeners bind without interception."""
    return str(proxy.metadata.get("LATEEN_OUTBOUND_ADDRESS", "127.0.0.1"))
