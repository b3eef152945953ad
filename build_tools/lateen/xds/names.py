"""Istio's names of Envoy objects: dashboards and people parse them."""

from __future__ import annotations

from lateen.scope.views import GatewayPort, GatewayServer

PASSTHROUGH_CLUSTER = "PassthroughCluster"
BLACK_HOLE_CLUSTER = "BlackHoleCluster"
INBOUND_PASSTHROUGH_CLUSTER = "InboundPassthroughCluster"
HTTP_PROXY = "http_proxy"
"""Route configuration of the listener that applications use as their HTTP proxy."""
SERVICE = "lateen.service"
"""Metadata of a cluster: `host`, `name` and `namespace` of its service. Envoy's formatter cannot index Istio's list."""


def outbound_cluster(port: int, host: str, subset: str = "") -> str:
    """`outbound|80|v1|reviews.default.svc.cluster.local`."""
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster(port: int) -> str:
    """`inbound|9080||`; the inbound route configuration of a port has the same name."""
    return f"inbound|{port}||"


def outbound_sni(port: int, host: str, subset: str = "") -> str:
    """The server name that a sidecar asks another for: `outbound_.80_.v1_.reviews.default.svc.cluster.local`."""
    return f"outbound_.{port}_.{subset}_.{host}"


def stat_name(cluster: str) -> str:
    """A cluster's `alt_stat_name`; the semicolon ends the name for Istio's `stats_tags` expressions."""
    return f"{cluster};"


def domain(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def outbound_route(port: int, host: str = "") -> str:
    """The route configuration of a port, or of one sniffed service that has a listener of its own."""
    return domain(host, port) if host else str(port)


def gateway_route(port: GatewayPort, server: GatewayServer) -> str:
    """`http.8080` for all plain servers of a port, `https.443.https.gateway.namespace` for each that ends TLS.

    Empty for a server that is not HTTP.
    """
    declared = server.server
    bind = f".{declared.bind}" if declared.bind else ""
    if declared.protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"):
        return f"http.{port.port}{bind}"
    if declared.protocol == "HTTPS" and declared.tls and declared.tls.mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        ref = server.gateway
        return f"https.{declared.port}.{declared.port_name}.{ref.name}.{ref.namespace}{bind}"
    return ""
