"""The snapshot that everything after the source kinds works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from lateen.diagnostics import Diagnostic
from lateen.model.address import Address
from lateen.model.endpoints import derive_endpoints
from lateen.model.extension import Extension
from lateen.model.gateway import Gateway
from lateen.model.mesh_config import MeshConfig
from lateen.model.proxies import proxies_of
from lateen.model.proxy import Proxy
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
    `endpoints` is keyed by (hostname, namespace) of the service; they follow from `services`, `workloads` and the
    `addresses` that stand in files. `derived` holds what later stages computed from this mesh and share between
    proxies, by keys of their own.
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
    addresses: tuple[Address, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_diagnostics(self, diagnostics: tuple[Diagnostic, ...]) -> Mesh:
        """The same mesh with these findings of its loading."""
        return replace(self, diagnostics=diagnostics)

    def workload(self, name: str) -> Workload | None:
        """The workload `NAME[.NAMESPACE]` (namespace `default`); the name of a Deployment means its first instance."""
        if "workloads" not in self.derived:
            first = {f"{workload.owner}.{workload.namespace}": workload for workload in reversed(self.workloads)}
            self.derived["workloads"] = first | {workload.key: workload for workload in self.workloads}
        known: dict[str, Workload] = self.derived["workloads"]
        return known.get(name) or known.get(f"{name}.default")

    def placed(self, addresses: Mapping[str, str | Sequence[str]]) -> Mesh:
        """The same mesh with workload instances at these addresses, so that they are endpoints.

        Keys are as for `workload`. An instance may have an address of each family; services lead to the first.
        Raises ValueError for a key that names no workload or a value that is no address.
        """
        places: dict[str, tuple[str, ...]] = {}
        for name, address in addresses.items():
            workload = self.workload(name)
            if workload is None:
                raise ValueError(f"no workload {name!r} in the mesh")
            given = (address,) if isinstance(address, str) else address
            places[workload.key] = tuple(str(ip_address(one)) for one in given)
        workloads = tuple(replace(w, addresses=places[w.key]) if w.key in places else w for w in self.workloads)
        return replace(self, workloads=workloads, endpoints=derive_endpoints(self.services, workloads, self.addresses))

    def proxies(self) -> tuple[Proxy, ...]:
        """Every proxy that the mesh declares: a sidecar for each injected workload, a router for each gateway one."""
        return proxies_of(self.workloads, self.gateways, self.config, self.domain_suffix)
