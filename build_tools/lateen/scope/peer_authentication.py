"""Which mutual TLS a workload demands, and what that means for those who call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.security import MtlsMode, PeerAuthentication
from lateen.model.service import Endpoint


@dataclass(frozen=True, slots=True)
class MtlsPolicy:
    """The mode of a workload, with overrides by the workload's port; nothing here is UNSET."""

    mode: MtlsMode = MtlsMode.PERMISSIVE
    ports: tuple[tuple[int, MtlsMode], ...] = ()
    ref: Ref | None = None

    def of(self, port: int) -> MtlsMode:
        """The mode of one port."""
        return dict(self.ports).get(port, self.mode)


def mtls_policy(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> MtlsPolicy:
    """The policy of a workload: its own over its namespace's over the mesh's; UNSET inherits, the oldest wins.

    Without any: PERMISSIVE. Source: Istio, `policy_applier.go`.
    """
    chosen = _levels(mesh, namespace, labels)
    mode, ref = MtlsMode.PERMISSIVE, None
    for policy in chosen:
        if policy.mode is not MtlsMode.UNSET:
            mode, ref = policy.mode, policy.ref
    ports = chosen[-1].ports if chosen and chosen[-1].selector else ()
    own = tuple((port, mode if override is MtlsMode.UNSET else override) for port, override in ports)
    return MtlsPolicy(mode, own, chosen[-1].ref if ports else ref)


def _levels(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> list[PeerAuthentication]:
    """The policies that apply, widest first."""
    root = mesh.config.root_namespace
    plain_labels = dict(labels)
    found: dict[str, PeerAuthentication] = {}
    for policy in mesh.peer_authentications:
        if policy.ref.namespace == namespace and policy.selector:
            if policy.selector.selects(plain_labels):
                found.setdefault("workload", policy)
        elif not policy.selector and policy.ref.namespace == root:
            found.setdefault("mesh", policy)
        elif not policy.selector and policy.ref.namespace == namespace:
            found.setdefault("namespace", policy)
    return [found[level] for level in ("mesh", "namespace", "workload") if level in found]


def served_endpoints(mesh: Mesh) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    """The mesh's endpoints with the TLS mode in force: a server whose port is DISABLE takes no mutual TLS."""
    key = ("served_endpoints",)
    if key not in mesh.derived:
        mesh.derived[key] = _served(mesh)
    result: dict[tuple[str, str], tuple[Endpoint, ...]] = mesh.derived[key]
    return result


def _served(mesh: Mesh) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    modes = {p.mode for p in mesh.peer_authentications} | {m for p in mesh.peer_authentications for _, m in p.ports}
    if MtlsMode.DISABLE not in modes:
        return mesh.endpoints
    policies: dict[tuple[str, tuple[tuple[str, str], ...]], MtlsPolicy] = {}

    def in_force(endpoint: Endpoint) -> Endpoint:
        if endpoint.tls_mode != "istio":
            return endpoint
        key = (endpoint.namespace, tuple(sorted(endpoint.labels.items())))
        if key not in policies:
            policies[key] = mtls_policy(mesh, endpoint.namespace, endpoint.labels)
        disabled = policies[key].of(endpoint.port) is MtlsMode.DISABLE
        return replace(endpoint, tls_mode="disabled") if disabled else endpoint

    return {key: tuple(map(in_force, endpoints)) for key, endpoints in mesh.endpoints.items()}
