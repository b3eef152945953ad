"""The addresses that proxies will bind, read from their configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lateen.runtime.plan import Application, Claim, Phase, PlannedProxy
from lateen.xds.snapshot import Config, Snapshot


def proxy_claims(planned: PlannedProxy, snapshot: Snapshot, bootstrap: Config) -> Iterator[Claim]:
    """Each address and port that an Envoy with this configuration binds; an origin is the listener's, if it has one."""
    name = f"the proxy of {planned.key}"
    admin = bootstrap.get("admin", {}).get("address")
    static = bootstrap.get("static_resources", {}).get("listeners", ())
    for address in (admin, *(a for listener in static for a in _addresses(listener))):
        for host, port in _socket(address):
            yield Claim(host, port, name, planned.workload.ref.origin)
    for listener in snapshot.listeners.values():
        origin = snapshot.origins.get(("listeners", str(listener.get("name")), ""), planned.workload.ref.origin)
        for address in _addresses(listener):
            for host, port in _socket(address):
                yield Claim(host, port, name, origin)


def application_claims(application: Application) -> Iterator[Claim]:
    """Each container port; an init container's serves nobody."""
    for port in application.ports if application.phase is not Phase.INIT else ():
        yield Claim(application.address, port, f"container {application.name}", application.origin)


def _addresses(listener: Config) -> Iterator[Any]:
    if listener.get("bind_to_port", True):
        yield listener.get("address")
        for more in listener.get("additional_addresses", ()):
            yield more.get("address")


def _socket(address: Any) -> Iterator[tuple[str, int]]:
    where = (address or {}).get("socket_address")
    if where and "port_value" in where:
        yield str(where["address"]), int(where["port_value"])
