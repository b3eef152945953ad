"""Listener filters that find out what a connection carries, on the ports where a chain asks for it.

Inspection waits for the client's first bytes, so a port whose chains do not need it must not have it: a server that
speaks first would never be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lateen.xds.listeners.chain_matrix import PLAIN_HTTP, TLS
from lateen.xds.listeners.listener import HTTP_INSPECTOR, TLS_INSPECTOR
from lateen.xds.snapshot import Config


def inspectors(chains: Iterable[Config]) -> list[Config]:
    """TLS before HTTP, since what is TLS is not looked into any further."""
    matches = [chain.get("filter_chain_match", {}) for chain in chains]
    tls = _by_port(matches, lambda match: match.get("transport_protocol") == TLS)
    http = _by_port(matches, lambda match: not set(PLAIN_HTTP).isdisjoint(match.get("application_protocols", ())))
    found = ((TLS_INSPECTOR, tls), (HTTP_INSPECTOR, http))
    return [_limited(inspector, needed) for inspector, needed in found if any(needed.values())]


def _by_port(matches: Iterable[Config], asks: Callable[[Config], bool]) -> dict[int, bool]:
    needed: dict[int, bool] = {}
    for match in matches:
        port = match.get("destination_port", 0)
        needed[port] = needed.get(port, False) or asks(match)
    return needed


def _limited(inspector: Config, needed: dict[int, bool]) -> Config:
    """The inspector, switched off on named ports; port 0 stands for all that are not named."""
    if needed.get(0):
        ports = sorted(port for port, wanted in needed.items() if port and not wanted)
        return inspector | {"filter_disabled": _ports(ports)} if ports else inspector
    ports = sorted(port for port, wanted in needed.items() if wanted)
    if len(ports) == len(needed):
        return inspector
    return inspector | {"filter_disabled": {"not_match": _ports(ports)}}


def _ports(ports: list[int]) -> Config:
    ranges = [{"destination_port_range": {"start": port, "end": port + 1}} for port in ports]
    return {"or_match": {"rules": ranges}} if len(ranges) > 1 else ranges[0]
