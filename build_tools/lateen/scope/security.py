"""Which policies guard a workload."""

from __future__ import annotations

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.model.secret import Secret
from lateen.model.security import AuthorizationPolicy


def authorization(mesh: Mesh, proxy: Proxy) -> tuple[AuthorizationPolicy, ...]:
    """The policies that select a workload: the root namespace's first, then its own's, by age within each."""
    labels = dict(proxy.labels)
    root = mesh.config.root_namespace
    return tuple(
        policy
        for namespace in dict.fromkeys((root, proxy.namespace))
        for policy in mesh.authorization_policies
        if policy.ref.namespace == namespace and policy.selector.selects(labels)
    )


def secrets(mesh: Mesh, proxy: Proxy) -> tuple[Secret, ...]:
    """The Secrets that `credentialName` may name: those of the proxy's own namespace."""
    return tuple(s for s in mesh.secrets if s.ref.kind == "Secret" and s.ref.namespace == proxy.namespace)
