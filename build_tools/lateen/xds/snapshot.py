"""The compiled configuration of one proxy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from lateen.diagnostics import Diagnostic, Origin
from lateen.model.proxy import Proxy
from lateen.modules import Module

if TYPE_CHECKING:
    from lateen.xds.typed import TypedSnapshot

Config = dict[str, Any]
"""A message in proto JSON form with snake_case names: an Any is `{"@type": ..., fields}`, a duration `"10s"`, an enum
its name. Never changed by anyone but the function that made it."""

TYPES = {
    "listeners": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "routes": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "clusters": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "endpoints": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "secrets": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    "extensions": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
}
"""Attribute of a snapshot to the type URL of its resources, in the order in which they are pushed apart."""


@dataclass(frozen=True)
class Snapshot:
    """Listeners, routes, clusters, endpoints, secrets and extension configs by name, each a `Config`.

    `origins` maps (attribute of the snapshot, resource name, field path or "") to the place in the user's YAML;
    it never reaches Envoy. `modules` are the Wasm modules that `extensions` name, by file name; their bytes are read
    when somebody asks for them. Secret bytes are `Redacted` inside `secrets` until `static()` or delivery reveals them.
    """

    proxy: Proxy
    listeners: dict[str, Config] = field(default_factory=dict)
    routes: dict[str, Config] = field(default_factory=dict)
    clusters: dict[str, Config] = field(default_factory=dict)
    endpoints: dict[str, Config] = field(default_factory=dict)
    secrets: dict[str, Config] = field(default_factory=dict)
    extensions: dict[str, Config] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    origins: dict[tuple[str, str, str], Origin] = field(default_factory=dict)

    def bootstrap(self) -> Config:
        """The bootstrap of a proxy that takes everything else from its control plane (delta ADS)."""
        from lateen.xds.bootstrap import dynamic_bootstrap  # noqa: PLC0415

        return dynamic_bootstrap(self)

    def static(self, modules: Literal["path", "inline"] = "path") -> Config:
        """One bootstrap with everything in it, for an Envoy without a control plane.

        Modules and workload certificates are named by path (`LATEEN_MODULE_DIR`, `LATEEN_CERT_DIR`);
        with `modules="inline"` module bytes stand in the configuration. What the mesh's own Secrets give is inlined
        in clear: write such a file with mode 0600.
        """
        from lateen.xds.static import static_bootstrap  # noqa: PLC0415

        return static_bootstrap(self, modules)

    def typed(self) -> TypedSnapshot:
        """Every resource as a message of envoy-data-plane, which is imported here (about a second)."""
        from lateen.xds.typed import typed  # noqa: PLC0415

        return typed(self)

    def to_dict(self) -> Config:
        """Every resource by attribute and name, secrets as `[redacted]`: what goldens and `compile` print."""
        from lateen.xds.static import as_dict  # noqa: PLC0415

        return as_dict(self)

    def with_diagnostics(self, diagnostics: tuple[Diagnostic, ...]) -> Snapshot:
        """The same configuration with these findings before its own."""
        return replace(self, diagnostics=diagnostics + self.diagnostics) if diagnostics else self
