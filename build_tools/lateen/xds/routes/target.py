"""Where routes lead: destinations of rules as cluster names, in the place where a route is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lateen.model.routing import MESH_GATEWAY, Destination
from lateen.model.service import Resolution
from lateen.model.traffic_policy import ConsistentHash
from lateen.scope.views import ServiceView
from lateen.xds.effective_policy import consistent_hash
from lateen.xds.names import outbound_cluster


@dataclass(frozen=True, slots=True)
class Place:
    """Where rules are being translated: on a port, for a gateway (`mesh` or `namespace/name`), among services.

    `port` is the number that clients use: of the service for a sidecar, of the server for a gateway.
    """

    port: int
    services: Mapping[str, ServiceView]
    gateway: str = MESH_GATEWAY
    tls: bool = False

    def cluster(self, destination: Destination) -> str:
        """The cluster of a destination.

        Without a port it is the service's only one, else the port that the client used. A destination that is not
        known still has a name: Envoy answers 503 NC until the service exists. An alias leads to what it names.
        """
        return outbound_cluster(self._port(destination), self._host(destination), destination.subset)

    def hash(self, destination: Destination) -> ConsistentHash | None:
        """What chooses the host of a destination, if its traffic policy says so."""
        view = self.services.get(self._host(destination))
        return consistent_hash(view.rule, self._port(destination), destination.subset) if view else None

    def _host(self, destination: Destination) -> str:
        view = self.services.get(destination.host)
        if view is not None and view.service.resolution is Resolution.ALIAS:
            return view.service.alias_of
        return destination.host

    def _port(self, destination: Destination) -> int:
        if destination.port:
            return destination.port
        view = self.services.get(destination.host)
        return view.service.ports[0].number if view and len(view.service.ports) == 1 else self.port
