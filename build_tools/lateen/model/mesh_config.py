"""The settings of the whole mesh, with the defaults of Istio's code (`DefaultMeshConfig`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Provider:
    """An extension provider: `kind` is its field name (`prometheus`, `envoyFileAccessLog` ...), `config` its body."""

    name: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """MeshConfig as far as it reaches Envoy. Durations are seconds.

    `proxy_metadata` is `defaultConfig.proxyMetadata`; `default_config` the rest of ProxyConfig as given.
    """

    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    enable_auto_mtls: bool = True
    outbound_mode: str = "ALLOW_ANY"
    connect_timeout: float = 10.0
    protocol_detection_timeout: float = 0.0
    proxy_http_port: int = 0
    proxy_listen_port: int = 15001
    proxy_inbound_port: int = 15006
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: str = "TEXT"
    ingress_service: str = "istio-ingressgateway"
    ingress_selector: str = "ingressgateway"
    default_metrics: tuple[str, ...] | None = None  # defaultProviders.metrics; None: not given
    default_access_logging: tuple[str, ...] | None = None
    providers: tuple[Provider, ...] = ()
    path_normalization: str = "BASE"
    default_service_export_to: frozenset[str] = frozenset({"*"})
    default_virtual_service_export_to: frozenset[str] = frozenset({"*"})
    default_destination_rule_export_to: frozenset[str] = frozenset({"*"})
    locality_enabled: bool = True
    locality_distribute: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    locality_failover: tuple[tuple[str, str], ...] = ()
    h2_upgrade_policy: str = "DO_NOT_UPGRADE"
    drain_duration: float = 45.0  # defaultConfig.drainDuration
    default_config: dict[str, Any] = field(default_factory=dict, hash=False)

    def provider(self, name: str) -> Provider | None:
        """The extension provider of that name; `prometheus`, `envoy` and the other built-in ones are always there."""
        return next((p for p in (*self.providers, *BUILT_IN_PROVIDERS) if p.name == name), None)


BUILT_IN_PROVIDERS = (
    Provider("prometheus", "prometheus"),
    Provider("envoy", "envoyFileAccessLog", {"path": "/dev/stdout"}),
)
