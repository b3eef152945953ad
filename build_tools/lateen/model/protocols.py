"""What a port speaks, as Istio selects it."""

from __future__ import annotations

from lateen.model.service import Protocol

_NAMES = {
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    "grpc": Protocol.GRPC,
    "grpc-web": Protocol.GRPC_WEB,
    "http": Protocol.HTTP,
    "http_proxy": Protocol.HTTP_PROXY,
    "http2": Protocol.HTTP2,
    "https": Protocol.HTTPS,
    "tls": Protocol.TLS,
    "mongo": Protocol.MONGO,
    "mysql": Protocol.MYSQL,
    "redis": Protocol.REDIS,
}
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
SERVER_FIRST = frozenset({25, 53, 3306, 27017})
"""Ports of protocols in which the server speaks first: sniffing would wait for ever, so they are TCP unless named."""


def parse_protocol(name: str) -> Protocol:
    """The protocol of that name in any case (`HTTP`, `grpc-web`); AUTO for an unknown one."""
    return _NAMES.get(name.lower(), Protocol.AUTO)


def service_port_protocol(number: int, name: str, transport: str, app_protocol: str) -> Protocol:
    """The protocol of a Kubernetes service port: appProtocol, else the name's prefix, else sniffed.

    `transport` is the port's `protocol` (TCP, UDP, SCTP).
    """
    if transport.upper() == "UDP":
        return Protocol.UDP
    if app_protocol:
        return _APP_PROTOCOLS.get(app_protocol.lower()) or parse_protocol(app_protocol)
    prefix = "grpc-web" if name.lower().startswith("grpc-web") else name.split("-", 1)[0]
    protocol = parse_protocol(prefix)
    if protocol is Protocol.AUTO and number in SERVER_FIRST:
        return Protocol.TCP
    return Protocol.TCP if protocol is Protocol.UDP else protocol


def declared_protocol(name: str, number: int) -> Protocol:
    """The protocol of a port in an Istio resource, where it is a field; empty means sniffed."""
    protocol = parse_protocol(name)
    return Protocol.TCP if not name and number in SERVER_FIRST else protocol
