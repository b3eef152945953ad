"""A proxy as the compiler sees it: the node that will receive a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lateen.model.canonical import canonical_name, canonical_revision


@dataclass(frozen=True, slots=True)
class Proxy:
    """One Envoy of the mesh: a `sidecar` beside a workload, or a `router` (gateway).

    `metadata` takes Istio's node metadata keys (`INTERCEPTION_MODE`, `ISTIO_VERSION`, `CLUSTER_ID`, `NETWORK`,
    `DNS_CAPTURE` ...) and lateen's own:

    | key | meaning |
    |---|---|
    | `LATEEN_APP_ADDRESS` | where the application listens (process runtime); inbound clusters lead there |
    | `LATEEN_OUTBOUND_ADDRESS` | where outbound listeners bind with interception NONE (default 127.0.0.1) |
    | `LATEEN_TCP_ADDRESSES` | mapping `host:port` of a TCP service to the loopback address its listener binds |
    | `LATEEN_BIND_ADDRESS` | replaces 0.0.0.0 and 127.0.0.1 in every fixed listener and the admin address |
    | `LATEEN_ADMIN_ADDRESS` | where the admin interface binds, if not where fixed listeners do |
    | `LATEEN_HTTP_PROXY_PORT` | port of the listener that applications use as their HTTP proxy (default 15002) |
    | `LATEEN_CALL_LOG` | path of the call log that `up` reads; absent: none |
    | `LATEEN_CALL_LOG_HEADERS` | names of request headers that the call log has |
    | `LATEEN_MODULE_DIR`, `LATEEN_CERT_DIR` | folders that static configuration names |
    | `LATEEN_XDS_SOCKET` | Unix socket of this proxy's control plane |
    | `LATEEN_METADATA_EXCHANGE` | `"false"` leaves `peer_metadata` out |
    | `LATEEN_PEER_LABELS` | labels, by commas, that peers tell each other beside the standard ones; at most 16 count |
    | `LATEEN_PEER_BAGGAGE` | `"true"`: a peer without Istio's headers may describe itself in its baggage |
    """

    name: str
    namespace: str = "default"
    kind: str = "sidecar"
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    service_account: str = "default"
    locality: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    workload: str = ""  # the owner's name for telemetry; empty: `name`
    domain_suffix: str = "cluster.local"

    def __post_init__(self) -> None:
        if self.kind not in ("sidecar", "router"):
            raise ValueError(f"a proxy is a sidecar or a router, not {self.kind!r}")

    @property
    def address(self) -> str:
        """The first address; `0.0.0.0` while nothing has placed the proxy."""
        return self.addresses[0] if self.addresses else "0.0.0.0"  # noqa: S104

    @property
    def node_id(self) -> str:
        """Istio's node id: `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.SUFFIX`."""
        domain = f"{self.namespace}.svc.{self.domain_suffix}" if self.domain_suffix else self.namespace
        return f"{self.kind}~{self.address}~{self.name}.{self.namespace}~{domain}"

    @property
    def interception(self) -> str:
        """REDIRECT (default), TPROXY or NONE."""
        return str(self.metadata.get("INTERCEPTION_MODE", "REDIRECT"))

    @property
    def owner(self) -> str:
        """The workload name that metrics show."""
        return self.workload or self.name

    @property
    def cluster(self) -> str:
        """The name of the cluster (Istio's `CLUSTER_ID`) that metrics show."""
        return str(self.metadata.get("CLUSTER_ID", "Kubernetes"))

    @property
    def canonical_name(self) -> str:
        """Istio's canonical service."""
        return canonical_name(self.labels, self.owner)

    @property
    def canonical_revision(self) -> str:
        """Istio's canonical revision."""
        return canonical_revision(self.labels)
