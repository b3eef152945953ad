"""Services, their ports, and the endpoints behind them. Service and ServiceEntry both end here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lateen.model.identity import Ref, Selector


class Protocol(StrEnum):
    """What a port speaks, as Istio selects it (port name, appProtocol, protocol); `AUTO` means: sniff."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTP_PROXY = "HTTP_PROXY"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    MONGO = "Mongo"
    MYSQL = "MySQL"
    REDIS = "Redis"
    UDP = "UDP"
    AUTO = "UnsupportedProtocol"

    @property
    def is_http(self) -> bool:
        """Declared to be HTTP in some version, so that HTTP routing and policy apply."""
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        """Declared to be HTTP/2."""
        return self in _HTTP2

    @property
    def is_tls(self) -> bool:
        """The application's own TLS, which the mesh passes on by SNI."""
        return self in (Protocol.HTTPS, Protocol.TLS)

    @property
    def is_tcp(self) -> bool:
        """Opaque bytes, with or without TLS of the application."""
        return self in _TCP or self.is_tls


_HTTP2 = frozenset({Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})
_HTTP = _HTTP2 | {Protocol.HTTP, Protocol.HTTP_PROXY}
_TCP = frozenset({Protocol.TCP, Protocol.MONGO, Protocol.MYSQL, Protocol.REDIS})


class Resolution(StrEnum):
    """How a service's endpoints are found, which decides the Envoy cluster type."""

    STATIC = "STATIC"  # EDS: Kubernetes services, ServiceEntry STATIC
    DNS = "DNS"  # STRICT_DNS
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"  # LOGICAL_DNS
    DYNAMIC_DNS = "DYNAMIC_DNS"  # dynamic forward proxy
    PASSTHROUGH = "PASSTHROUGH"  # ORIGINAL_DST: headless services, ServiceEntry NONE
    ALIAS = "ALIAS"  # ExternalName: leads to another service


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a service. `target_port` is what workloads listen on: a number, or a container port's name."""

    name: str
    number: int
    protocol: Protocol
    target_port: int | str = 0

    @property
    def target(self) -> int | str:
        """The target port, which is the port itself where none is given."""
        return self.target_port or self.number


@dataclass(frozen=True, slots=True)
class Service:
    """A name that the mesh knows, with ports. `hostname` is fully qualified (`reviews.default.svc.cluster.local`).

    `addresses` are its virtual addresses (empty: none, and HTTP alone can be told apart from others).
    `export_to` holds namespaces or `*`. `selector` picks workloads of the same namespace as endpoints.
    `alias_of` is the external name of an ExternalName service.
    """

    hostname: str
    ref: Ref
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...] = ()
    resolution: Resolution = Resolution.STATIC
    mesh_external: bool = False
    registry: str = "Kubernetes"  # or "External": a ServiceEntry
    headless: bool = False
    export_to: frozenset[str] = frozenset({"*"})
    selector: Selector | None = None
    subject_alt_names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict, compare=True, hash=False)
    alias_of: str = ""
    created: str = ""  # creationTimestamp, empty when the file has none

    @property
    def namespace(self) -> str:
        """The namespace it is defined in."""
        return self.ref.namespace

    @property
    def name(self) -> str:
        """Its short name, which Istio's metrics call destination_service_name."""
        return self.ref.name if self.registry == "Kubernetes" else self.hostname

    def port(self, number: int) -> ServicePort | None:
        """The port of that number, or None."""
        return next((p for p in self.ports if p.number == number), None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that serves one port of one service.

    `address` is an IP, a DNS name (DNS resolution) or a Unix socket path with `port` 0.
    `tls_mode` is `istio` where a sidecar terminates mesh mTLS, else `disabled`.
    `weight` 0 means unset (1). `health` is Envoy's status name (`HEALTHY`, `UNHEALTHY`, `DRAINING`).
    """

    address: str
    port: int
    service_port: int
    workload: str = ""  # name of the owner (Deployment), not of the instance
    namespace: str = ""
    service_account: str = ""
    tls_mode: str = "disabled"
    locality: str = ""  # region/zone/subzone
    network: str = ""
    cluster: str = "Kubernetes"
    weight: int = 0
    health: str = "HEALTHY"
    labels: dict[str, str] = field(default_factory=dict, hash=False)
