"""The snapshot that everything after the source kinds works on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lateen.diagnostics import Diagnostic
from lateen.model.extension import Extension
from lateen.model.gateway import Gateway
from lateen.model.mesh_config import MeshConfig
from lateen.model.routing import HttpRoute, TcpRoute
from lateen.model.secret import Secret
from lateen.model.security import AuthorizationPolicy, PeerAuthentication
from lateen.model.service import Endpoint, Service
from lateen.model.sidecar import Sidecar
from lateen.model.telemetry import Telemetry
from lateen.model.traffic_policy import DestinationRule
from lateen.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Mesh:
    """Everything that was loaded, free of source kinds; never changed after it was made.

    Order is defined without a cluster: by creation time (missing ones are equal), then name, then namespace.
    `endpoints` is keyed by (hostname, namespace) of the service.
    """

    config: MeshConfig = MeshConfig()
    domain_suffix: str = "cluster.local"
    services: tuple[Service, ...] = ()
    endpoints: dict[tuple[str, str], tuple[Endpoint, ...]] = field(default_factory=dict)
    workloads: tuple[Workload, ...] = ()
    http_routes: tuple[HttpRoute, ...] = ()
    tcp_routes: tuple[TcpRoute, ...] = ()
    destination_rules: tuple[DestinationRule, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    peer_authentications: tuple[PeerAuthentication, ...] = ()
    authorization_policies: tuple[AuthorizationPolicy, ...] = ()
    telemetries: tuple[Telemetry, ...] = ()
    extensions: tuple[Extension, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    secrets: tuple[Secret, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    def with_diagnostics(self, diagnostics: tuple[Diagnostic, ...]) -> Mesh:
        """The same mesh with these findings of its loading."""
        return replace(self, diagnostics=diagnostics)
