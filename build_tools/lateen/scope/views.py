"""What one proxy may see. No later stage reaches back into the Mesh: what is not here does not exist for xds.

Values that many proxies share (an OutboundView with its services and routes) are interned by `scope`, so that
their identity can serve as a cache key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lateen.model.extension import Extension
from lateen.model.gateway import Server
from lateen.model.identity import Ref
from lateen.model.mesh_config import MeshConfig, Provider
from lateen.model.proxy import Proxy
from lateen.model.routing import HttpRoute, TcpRoute
from lateen.model.secret import Secret
from lateen.model.security import AuthorizationPolicy, MtlsMode
from lateen.model.service import Endpoint, Protocol, Service, ServicePort
from lateen.model.sidecar import EgressListener
from lateen.model.telemetry import TagOverride
from lateen.model.traffic_policy import DestinationRule


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A visible service with the DestinationRule that applies to this client and its endpoints.

    `endpoints` carry the TLS mode that is in force (PeerAuthentication of the server taken into account).
    `imported` is False for a service that the Sidecar does not let in and a route leads to: it has clusters only.
    """

    service: Service
    rule: DestinationRule | None = None
    endpoints: tuple[Endpoint, ...] = ()
    imported: bool = True


@dataclass(frozen=True, slots=True)
class OutboundView:
    """What a sidecar's applications can call.

    `services` stand in Istio's order (age, name, namespace). `http_routes` and `tcp_routes` are those for the
    gateway `mesh` that this namespace sees; rules and matches that cannot apply to this client (other gateways,
    other source labels or namespace) are gone; of a host's routes the first that says
    anything holds. `allow_any` says what unknown traffic does
    (else 502 and BlackHoleCluster). `egress` are the Sidecar's listeners; without any, every service has
    listeners at its own ports. `derived` keeps what later stages have made of the view, by all else that went into it.
    """

    namespace: str
    services: tuple[ServiceView, ...] = ()
    http_routes: tuple[HttpRoute, ...] = ()
    tcp_routes: tuple[TcpRoute, ...] = ()
    allow_any: bool = True
    egress: tuple[EgressListener, ...] = ()
    sidecar: Ref | None = None
    derived: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class InboundPort:
    """One port that the workload serves.

    `port` is the workload's (target) port; `bind` an address of its own for interception NONE (else empty).
    `service`/`service_port` are None for a Sidecar ingress listener that no service maps to; several services on
    one target port: the first in order is here, `services` has all. `endpoint` is where the application listens
    (`127.2.0.1:9080`, `unix:///path`) when it is not simply the original destination (empty).
    """

    port: int
    protocol: Protocol
    mtls: MtlsMode
    service: Service | None = None
    service_port: ServicePort | None = None
    services: tuple[Service, ...] = ()
    bind: str = ""
    endpoint: str = ""
    name: str = ""
    ref: Ref | None = None


@dataclass(frozen=True, slots=True)
class InboundView:
    """What a sidecar accepts.

    `passthrough` is the mode for ports that no service names, `passthrough_ports` their overrides.
    """

    ports: tuple[InboundPort, ...] = ()
    passthrough: MtlsMode = MtlsMode.PERMISSIVE
    passthrough_ports: tuple[tuple[int, MtlsMode], ...] = ()
    peer_authentication: Ref | None = None


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """A server with the gateway that it belongs to (`key` is `namespace/name`)."""

    gateway: Ref
    key: str
    server: Server


@dataclass(frozen=True, slots=True)
class GatewayPort:
    """All servers of one bind address and port, merged by Istio's conflict rules.

    `port` is what the router listens on (the target port of its Service), `server_port` the servers' number.
    """

    port: int
    server_port: int
    bind: str
    servers: tuple[GatewayServer, ...]


@dataclass(frozen=True, slots=True)
class GatewayView:
    """What a router serves. `http_routes` maps a gateway key to the routes bound to it, in precedence order."""

    namespace: str
    ports: tuple[GatewayPort, ...] = ()
    http_routes: tuple[tuple[str, tuple[HttpRoute, ...]], ...] = ()
    tcp_routes: tuple[tuple[str, tuple[TcpRoute, ...]], ...] = ()
    services: tuple[ServiceView, ...] = ()  # every service that may be a destination

    def routes_of(self, key: str) -> tuple[HttpRoute, ...]:
        """The HTTP routes bound to the gateway `namespace/name`."""
        return next((routes for name, routes in self.http_routes if name == key), ())


@dataclass(frozen=True, slots=True)
class Metric:
    """One of Istio's metrics in force. `name` is its enum name (REQUEST_COUNT ...)."""

    name: str
    tags: tuple[TagOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessLog:
    """One access log in force; `filter` is CEL or empty."""

    provider: Provider
    filter: str = ""


@dataclass(frozen=True, slots=True)
class TelemetryView:
    """What is measured and logged in each direction, all levels merged.

    `client_*` is for outbound listeners and gateways (reporter=source), `server_*` for inbound ones.
    Empty metrics: the Prometheus provider is not configured, and no stats logger is emitted.
    """

    client_metrics: tuple[Metric, ...] = ()
    server_metrics: tuple[Metric, ...] = ()
    client_logs: tuple[AccessLog, ...] = ()
    server_logs: tuple[AccessLog, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyScope:
    """Everything that `xds` may know. A sidecar has `outbound` and `inbound`, a router `gateway`.

    `authorization` are the policies that select this workload, in Istio's order of evaluation within each action;
    `extensions` those that select it, ordered by phase, priority (descending) and name.
    """

    proxy: Proxy
    config: MeshConfig
    domain_suffix: str
    outbound: OutboundView | None = None
    inbound: InboundView | None = None
    gateway: GatewayView | None = None
    authorization: tuple[AuthorizationPolicy, ...] = ()
    telemetry: TelemetryView = TelemetryView()
    extensions: tuple[Extension, ...] = ()
    secrets: tuple[Secret, ...] = field(default=(), hash=False)  # of the proxy's namespace, for credentialName
