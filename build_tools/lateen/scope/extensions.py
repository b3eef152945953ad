"""Which extensions a proxy loads, in which order."""

from __future__ import annotations

from lateen.model.attachment import attaches
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy

PHASES = ("AUTHN", "AUTHZ", "STATS", "UNSPECIFIED")
"""In the order in which a request passes them."""

_LOWEST = -(2**31)


def extensions(mesh: Mesh, proxy: Proxy) -> tuple[Extension, ...]:
    """The extensions of the root namespace and the proxy's own that are for it, in the order of the filter chain.

    Within a phase a higher priority comes first, one without priority last; of equal ones those of the proxy's own
    namespace come before those of the root namespace, then by creation time, name and namespace. Source: Istio,
    `PushContext` (a stable sort by priority of a list in that order).
    """
    namespaces = (mesh.config.root_namespace, proxy.namespace)
    mine = [e for e in mesh.extensions if e.ref.namespace in namespaces and attaches(e, proxy, mesh.gateways)]
    return tuple(sorted(mine, key=lambda extension: _order(extension, proxy.namespace)))


def _order(extension: Extension, namespace: str) -> tuple[int, int, bool, str, str, str]:
    return (
        PHASES.index(extension.phase),
        -(_LOWEST if extension.priority is None else extension.priority),
        extension.ref.namespace != namespace,
        extension.created,
        extension.name,
        extension.ref.namespace,
    )
