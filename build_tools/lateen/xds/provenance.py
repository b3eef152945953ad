"""The stable name of the user's resource that an Envoy object was made from.

Only kind, namespace and name go into Envoy: metadata that changes rebuilds a cluster and drains a listener, so file and
line stay in `Snapshot.origins`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lateen.model.identity import Ref
from lateen.xds.snapshot import Config

_GROUPS = {
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
}
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def config_path(ref: Ref) -> str:
    """Istio's form: `/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews`."""
    return _config_path(ref.kind, ref.namespace, ref.name)


@lru_cache(maxsize=4096)
def _config_path(kind: str, namespace: str, name: str) -> str:
    group = _GROUPS.get(kind, "networking.istio.io/v1")
    return f"/apis/{group}/namespaces/{namespace}/{_WORD.sub('-', kind).lower()}/{name}"


def config_metadata(ref: Ref) -> Config:
    """Metadata that names the resource an object comes from, under Istio's key."""
    return {"filter_metadata": {"istio": {"config": config_path(ref)}}}
