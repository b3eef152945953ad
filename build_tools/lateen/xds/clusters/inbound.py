"""Clusters that lead to the workload's own application, one per port."""

from __future__ import annotations

from lateen.model.proxy import Proxy
from lateen.scope.views import InboundPort, ProxyScope
from lateen.xds.clusters.outbound import service_metadata
from lateen.xds.clusters.policy import circuit_breakers
from lateen.xds.clusters.protocol import protocol_options, upstream_protocol
from lateen.xds.duration import duration
from lateen.xds.endpoints import address
from lateen.xds.interception import binds
from lateen.xds.names import SERVICE, inbound_cluster, stat_name
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

# The longest that Envoy takes: an inbound host is never forgotten for being idle.
_NEVER = "9223372035s"
_REDIRECT_EXEMPT = {"IPv4": "127.0.0.6", "IPv6": "::6"}


def inbound_clusters(scope: ProxyScope) -> Resources:
    """One cluster per inbound port; several services on one workload port share it."""
    ports = scope.inbound.ports if scope.inbound else ()
    configs = {inbound_cluster(port.port): _cluster(scope, port) for port in ports}
    origins = {(inbound_cluster(port.port), ""): port.ref.origin for port in ports if port.ref}
    return Resources(configs, origins)


def passthrough_bind(proxy: Proxy) -> Config:
    """The source address of connections to the application, which redirection rules let pass unchanged.

    The source must be of the family of the destination, so that a dual-stack proxy has one of each.
    """
    families = {"IPv6" if ":" in address else "IPv4" for address in proxy.addresses} or {"IPv4"}
    first, *extra = [{"address": _REDIRECT_EXEMPT[family], "port_value": 0} for family in sorted(families)]
    bind: Config = {"source_address": first}
    if extra:
        bind["extra_source_addresses"] = [{"address": source} for source in extra]
    return {"upstream_bind_config": bind}


def _cluster(scope: ProxyScope, port: InboundPort) -> Config:
    name = inbound_cluster(port.port)
    upstream = upstream_protocol(port.protocol, sniffing=True)
    config: Config = {"name": name, "alt_stat_name": stat_name(name)}
    config |= _destination(scope, port, name)
    config["connect_timeout"] = duration(scope.config.connect_timeout)
    config["circuit_breakers"] = circuit_breakers(None)
    config |= protocol_options(upstream, None)
    services = port.services or ((port.service,) if port.service else ())
    if services:
        listed = [service_metadata(s) for s in services]
        config["metadata"] = {"filter_metadata": {"istio": {"services": listed}, SERVICE: listed[0]}}
    return config


def _destination(scope: ProxyScope, port: InboundPort, name: str) -> Config:
    if not port.endpoint:
        original: Config = {"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "cleanup_interval": _NEVER}
        return original | passthrough_bind(scope.proxy)
    host, number = port.endpoint, "0"
    if not host.startswith("unix://"):
        host, _, number = port.endpoint.rpartition(":")
        host = host.strip("[]")
    endpoint = {"endpoint": {"address": address(host, int(number))}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    static: Config = {"type": "STATIC", "load_assignment": assignment}
    redirected = not binds(scope.proxy) and number != "0" and host not in ("127.0.0.1", "::1")
    return static | (passthrough_bind(scope.proxy) if redirected else {})
