"""Which extensions a proxy loads, in which order."""

from __future__ import annotations

from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy

PHASES = ("AUTHN", "AUTHZ", "STATS", "UNSPECIFIED")
"""In the order in which a request passes them."""


def extensions(mesh: Mesh, proxy: Proxy) -> tuple[Extension, ...]:
    """The extensions of the root namespace and the proxy's own that select it, in the order of the filter chain.

    Within a phase a higher priority comes first, one without priority last; ties go by name, then namespace.
    """
    labels = dict(proxy.labels)
    namespaces = (mesh.config.root_namespace, proxy.namespace)
    mine = [e for e in mesh.extensions if e.ref.namespace in namespaces and e.selector.selects(labels)]
    return tuple(sorted(mine, key=_order))


def _order(extension: Extension) -> tuple[int, bool, int, str, str]:
    priority = extension.priority
    return (
        PHASES.index(extension.phase),
        priority is None,
        -(priority or 0),
        extension.ref.name,
        extension.ref.namespace,
    )
