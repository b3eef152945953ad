"""The proxies that a mesh declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lateen.model.from_annotations import INTERCEPTION
from lateen.model.gateway import Gateway
from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.model.workload import Workload

CLUSTER = "Kubernetes"
"""Istio's name of a cluster that has not been given one."""

_OWNER_KINDS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
}


def proxies_of(
    workloads: Iterable[Workload], gateways: Iterable[Gateway], config: MeshConfig, domain_suffix: str
) -> tuple[Proxy, ...]:
    """A router for each workload that is a gateway or that a Gateway selects, a sidecar for each injected other one."""
    selectors = {gateway.selector for gateway in gateways if gateway.selector}
    return tuple(
        proxy_of(workload, is_router(workload, selectors), config, domain_suffix)
        for workload in workloads
        if workload.injected or is_router(workload, selectors)
    )


def is_router(workload: Workload, selectors: Iterable[Any]) -> bool:
    """Whether a workload serves gateways: by injection, or because a Gateway selects it by labels."""
    return workload.gateway or any(selector.selects(workload.labels) for selector in selectors)


def proxy_of(workload: Workload, router: bool, config: MeshConfig, domain_suffix: str) -> Proxy:
    """The proxy of a workload, with the node metadata that Istio's agent would give it."""
    return Proxy(
        name=workload.name,
        namespace=workload.namespace,
        kind="router" if router else "sidecar",
        addresses=workload.addresses,
        labels=workload.labels,
        service_account=workload.service_account,
        locality=workload.locality,
        metadata=_metadata(workload, config),
        workload=workload.owner,
        domain_suffix=domain_suffix,
    )


def _metadata(workload: Workload, config: MeshConfig) -> dict[str, Any]:
    own = workload.proxy_config
    metadata: dict[str, Any] = {
        "CLUSTER_ID": CLUSTER,
        "MESH_ID": config.default_config.get("meshId") or config.trust_domain,
        "OWNER": _owner(workload),
    }
    mode = workload.annotations.get(INTERCEPTION) or own.get("interceptionMode")
    mode = mode or config.default_config.get("interceptionMode")
    if mode and mode != "REDIRECT":
        metadata["INTERCEPTION_MODE"] = mode
    if workload.network:
        metadata["NETWORK"] = workload.network
    for source in (config.default_config, own):
        metadata |= {str(k): str(v) for k, v in (source.get("proxyMetadata") or {}).items()}
    return metadata


def _owner(workload: Workload) -> str:
    """Istio's OWNER: the path of the object that the pods belong to."""
    kind = workload.ref.kind
    if kind in _OWNER_KINDS:
        return f"kubernetes://apis/apps/v1/namespaces/{workload.namespace}/{_OWNER_KINDS[kind]}/{workload.owner}"
    return f"kubernetes://apis/v1/namespaces/{workload.namespace}/pods/{workload.name}"
