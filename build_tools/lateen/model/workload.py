"""Workloads: what runs, with the identity that its proxy presents. Pods, pod templates and WorkloadEntry end here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lateen.model.canonical import canonical_name, canonical_revision
from lateen.model.identity import Ref
from lateen.model.pod import PodSpec


@dataclass(frozen=True, slots=True)
class Workload:
    """One instance. `name` is its own (`catalog-v1-0`), `owner` that of its Deployment (`catalog-v1`).

    `addresses` is empty until something places it (`Mesh.placed`). `injected` says whether it has a sidecar,
    `gateway` whether it is a router by Istio's gateway injection. `named_ports` maps container port names,
    `proxy_config` is the ProxyConfig of its own annotation.
    `ready` is False for a Pod whose status says so. `pod` is what a runtime starts; None for addresses in files,
    which are things that already run.
    """

    name: str
    namespace: str
    owner: str
    ref: Ref
    service_account: str = "default"
    addresses: tuple[str, ...] = ()
    injected: bool = True
    gateway: bool = False
    tls_mode: str = "istio"
    locality: str = ""
    network: str = ""
    weight: int = 0
    ready: bool = True
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    annotations: dict[str, str] = field(default_factory=dict, hash=False)
    named_ports: dict[str, int] = field(default_factory=dict, hash=False)
    proxy_config: dict[str, Any] = field(default_factory=dict, hash=False)
    pod: PodSpec | None = field(default=None, hash=False)

    @property
    def key(self) -> str:
        """`NAME.NAMESPACE`, unique in a mesh."""
        return f"{self.name}.{self.namespace}"

    @property
    def canonical_name(self) -> str:
        """Istio's canonical service."""
        return canonical_name(self.labels, self.owner)

    @property
    def canonical_revision(self) -> str:
        """Istio's canonical revision."""
        return canonical_revision(self.labels)
