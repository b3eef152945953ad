"""Virtual hosts on their way into a route configuration, with what is known of their origin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lateen.diagnostics import Origin
from lateen.xds.resources import Resources
from lateen.xds.routes.rules import BuiltRoute
from lateen.xds.snapshot import Config

# Istio's admission takes direct responses up to 1 MB; Envoy's own limit is 4 kB.
_MAX_DIRECT_RESPONSE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """A set of domains with their routes. `require_tls` redirects plain HTTP to HTTPS."""

    name: str
    domains: tuple[str, ...]
    routes: Sequence[BuiltRoute]
    origin: Origin = field(default_factory=Origin)
    require_tls: bool = False
    count_attempts: bool = True

    def config(self) -> Config:
        """Envoy's virtual host."""
        config: Config = {"name": self.name, "domains": list(self.domains), "routes": [r for r, _ in self.routes]}
        if self.count_attempts:
            config["include_request_attempt_count"] = True
        if self.require_tls:
            config["require_tls"] = "ALL"
        return config


def route_configuration(name: str, hosts: Iterable[VirtualHost], *, ignore_port: bool = True) -> Resources:
    """A route configuration of these virtual hosts, in this order.

    With `ignore_port` the port in Host takes no part in matching, and no two domains may differ by it alone: Envoy
    would reject the whole configuration.
    """
    config: Config = {"name": name, "virtual_hosts": []}
    origins = {}
    for i, host in enumerate(hosts):
        config["virtual_hosts"].append(host.config())
        origins[name, f"virtual_hosts[{i}]"] = host.origin
        for j, (_, origin) in enumerate(host.routes):
            origins[name, f"virtual_hosts[{i}].routes[{j}]"] = origin
    config["validate_clusters"] = False
    config["max_direct_response_body_size_bytes"] = _MAX_DIRECT_RESPONSE
    if ignore_port:
        config["ignore_port_in_host_matching"] = True
    return Resources({name: config}, origins)
