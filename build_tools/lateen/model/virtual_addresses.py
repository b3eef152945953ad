"""Virtual addresses for services whose files give none, where something resolves their names to them.

Kubernetes gives each Service a cluster IP, and Istio each ServiceEntry an address where its DNS proxy answers. With an
address of its own a TCP service is told from others on the same port.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network

from lateen.model.hosts import is_wildcard
from lateen.model.mesh import Mesh
from lateen.model.service import Resolution, Service

RANGE = IPv4Network("240.240.0.0/16")
"""Istio's range for such addresses: reserved, so that what is sent there by mistake reaches nobody."""

NOBODYS_ADDRESS = "240.240.255.255"
"""One of that range that no service gets."""

_REAL = (Resolution.STATIC, Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def with_virtual_addresses(mesh: Mesh) -> Mesh:
    """The mesh with an address for each host that needs one; the same host has the same one, in whatever mesh.

    Wildcards, headless services, aliases and services that pass on to the address a client chose need none. Two hosts
    that the hash puts on one address are told apart in order of their names.
    """
    taken = {address for service in mesh.services for address in service.addresses}
    addresses: dict[str, str] = {}
    for host in sorted({service.hostname for service in mesh.services if _needs_address(service)}):
        addresses[host] = _free(host, taken)
        taken.add(addresses[host])
    services = tuple(
        replace(service, addresses=(addresses[service.hostname],)) if _needs_address(service) else service
        for service in mesh.services
    )
    return replace(mesh, services=services)


def _needs_address(service: Service) -> bool:
    return not (
        service.addresses
        or service.headless
        or service.alias_of
        or is_wildcard(service.hostname)
        or service.resolution not in _REAL
    )


def _free(host: str, taken: Iterable[str]) -> str:
    usable = RANGE.num_addresses - 2
    first = int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big")
    places = (str(RANGE[1 + (first + step) % usable]) for step in range(usable))
    return next(place for place in places if place not in taken)
