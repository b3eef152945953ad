"""Route configurations of inbound connection managers, which lead to the workload's own application."""

from __future__ import annotations

from lateen.scope.views import InboundPort, ProxyScope
from lateen.xds.names import INBOUND_PASSTHROUGH_CLUSTER, domain, inbound_cluster
from lateen.xds.routes.match import EVERYTHING
from lateen.xds.routes.retry import INBOUND
from lateen.xds.snapshot import Config

_NO_LIMIT: Config = {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"}


def inbound_route(scope: ProxyScope, port: InboundPort) -> Config:
    """The route configuration `inbound|<port>||`: everything goes to the application, without a time limit."""
    name = inbound_cluster(port.port)
    number = port.service_port.number if port.service_port else port.port
    host = port.service.hostname if port.service else f"{scope.proxy.name}.{scope.proxy.namespace}"
    return _everything(name, number, domain(host, number))


def inbound_passthrough_route() -> Config:
    """The route configuration for ports that no service names."""
    return _everything(INBOUND_PASSTHROUGH_CLUSTER, 0, ":0")


def _everything(cluster: str, port: int, operation: str) -> Config:
    action = {"cluster": cluster, "timeout": "0s", "max_stream_duration": _NO_LIMIT, "retry_policy": INBOUND}
    route = {"name": "default", "match": EVERYTHING, "decorator": {"operation": f"{operation}/*"}, "route": action}
    host = {"name": f"inbound|http|{port}", "domains": ["*"], "routes": [route]}
    return {"name": cluster, "virtual_hosts": [host], "validate_clusters": False}
