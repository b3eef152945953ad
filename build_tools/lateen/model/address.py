"""Addresses that stand in files, before they become endpoints of a service's ports."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Address:
    """An address behind a service: from an EndpointSlice, or an endpoint of a ServiceEntry.

    `ports` maps names of service ports to the address's own port. A port that is not in it is the service's target
    port, or with `listed_ports_only` not served; nor is one outside of `served_ports`, the names that its own document
    gives to the ports of a service which several documents make up (None: all).
    `address` is an IP, a DNS name or the path of a Unix socket.
    An empty `tls_mode` means: that of the workload with this address, plaintext if there is none.
    """

    hostname: str
    namespace: str
    address: str
    ports: dict[str, int] = field(default_factory=dict, hash=False)
    listed_ports_only: bool = False
    served_ports: frozenset[str] | None = None
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    service_account: str = ""
    tls_mode: str = ""
    locality: str = ""
    network: str = ""
    weight: int = 0
    health: str = "HEALTHY"
