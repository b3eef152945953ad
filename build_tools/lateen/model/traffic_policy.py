"""How a client treats a destination: DestinationRule and its parts. Durations are seconds, None is unset everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.diagnostics import Origin
from lateen.model.identity import Ref, Selector


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    """Which property of a request chooses the host. Exactly one of the first four; `ring` ring_hash or maglev."""

    header: str = ""
    cookie: tuple[str, str, float | None] | None = None  # name, path, ttl (None: session)
    source_ip: bool = False
    query: str = ""
    ring: str = "ring_hash"
    minimum_ring_size: int = 0
    table_size: int = 0


@dataclass(frozen=True, slots=True)
class LocalityLb:
    """Locality load balancing. `distribute` is (from, ((to, weight), ...)), `failover` is (from, to)."""

    enabled: bool = True
    distribute: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    failover: tuple[tuple[str, str], ...] = ()
    failover_priority: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """`simple` is Istio's name (LEAST_REQUEST, ROUND_ROBIN, RANDOM, PASSTHROUGH) or empty for the default."""

    simple: str = ""
    consistent_hash: ConsistentHash | None = None
    locality: LocalityLb | None = None
    warmup: float | None = None
    warmup_minimum_percent: float | None = None
    warmup_aggression: float | None = None


@dataclass(frozen=True, slots=True)
class TcpKeepalive:
    """Keep-alive probes of connections to the destination."""

    probes: int | None = None
    time: float | None = None
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Limits of the connections to a destination."""

    max_connections: int | None = None
    connect_timeout: float | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: float | None = None
    tcp_idle_timeout: float | None = None
    http1_max_pending_requests: int | None = None
    http2_max_requests: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    idle_timeout: float | None = None
    h2_upgrade_policy: str = "DEFAULT"
    use_client_protocol: bool = False
    max_concurrent_streams: int | None = None


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When a host is ejected. Unset counters leave Envoy's; 0 disables that detector."""

    split_external_local: bool = False
    consecutive_local_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_5xx: int | None = None
    interval: float | None = None
    base_ejection: float | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int | None = None


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS towards a destination. `mode` DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL."""

    mode: str
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool = False
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """The parts of a policy; None means: inherit. `ports` are overrides by port number."""

    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None
    ports: tuple[tuple[int, TrafficPolicy], ...] = ()
    proxy_protocol: str = ""
    retry_budget: tuple[float, int] | None = None  # percent, minimum concurrency
    tunnel: tuple[str, str, int] | None = None  # protocol, host, port


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a service's endpoints, chosen by labels, with a policy of its own."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    policy: TrafficPolicy | None = None


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """The policy for a host (fully qualified or wildcard). `selector` restricts the calling workloads."""

    ref: Ref
    host: str
    policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: frozenset[str] = frozenset({"*"})
    selector: Selector = Selector()
    created: str = ""
