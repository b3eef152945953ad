"""Istio's traffic management, telemetry and policy for any stock Envoy.

`load` reads Istio, Gateway API and Kubernetes YAML into a `Mesh`; `compile` turns it into the configuration of one
`Proxy`; `analyze` and `verify` report what is wrong. See docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lateen.version import __version__

if TYPE_CHECKING:
    from lateen.analysis import analyze
    from lateen.compiler import Compiler, Delta, compile, load  # noqa: A004
    from lateen.diagnostics import Diagnostic, MeshError, Origin, Severity
    from lateen.model.mesh import Mesh
    from lateen.model.proxy import Proxy
    from lateen.source.document import Source
    from lateen.verification import verify
    from lateen.xds.snapshot import Snapshot

__all__ = [
    "Compiler",
    "Delta",
    "Diagnostic",
    "Mesh",
    "MeshError",
    "Origin",
    "Proxy",
    "Severity",
    "Snapshot",
    "Source",
    "__version__",
    "analyze",
    "compile",
    "load",
    "verify",
]

_HOME = {
    "Compiler": "lateen.compiler",
    "Delta": "lateen.compiler",
    "Diagnostic": "lateen.diagnostics",
    "Mesh": "lateen.model.mesh",
    "MeshError": "lateen.diagnostics",
    "Origin": "lateen.diagnostics",
    "Proxy": "lateen.model.proxy",
    "Severity": "lateen.diagnostics",
    "Snapshot": "lateen.xds.snapshot",
    "Source": "lateen.source.document",
    "analyze": "lateen.analysis",
    "compile": "lateen.compiler",
    "load": "lateen.compiler",
    "verify": "lateen.verification",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `lateen --help` pays for nothing else."""
    if name not in _HOME:
        raise AttributeError(f"module 'lateen' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
