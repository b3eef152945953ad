"""Gateways that share a router: which servers stand on which port, and which lose against earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lateen.model.gateway import Gateway, Server

_HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")


@dataclass(frozen=True, slots=True)
class Placed:
    """A server of a gateway with the port that the router listens on for it."""

    gateway: Gateway
    server: Server
    port: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """A server that is left out, with the one that was first (None: within its own hosts) and the reason."""

    loser: Placed
    winner: Placed
    reason: str


@dataclass(slots=True)
class _Port:
    first: Placed
    by_bind: dict[str, list[Placed]] = field(default_factory=dict)


def merge_servers(
    gateways: Iterable[Gateway], resolve: Callable[[int], int]
) -> tuple[list[list[Placed]], list[Conflict]]:
    """The servers of one router by address and port, in order, and those that lost.

    `resolve` translates a server's port into the one that the router listens on. On a port the first gateway decides:
    plain HTTP servers share it, TLS servers share it if no host is claimed twice, nothing else does; another bind
    address is another listener. Source: Istio, `mergeGateways`.
    """
    ports: dict[int, _Port] = {}
    groups: dict[tuple[str, int], list[Placed]] = {}
    conflicts: list[Conflict] = []
    tls_hosts: dict[tuple[int, str, str], Placed] = {}
    for gateway in gateways:
        for server in gateway.servers:
            placed = Placed(gateway, server, resolve(server.port))
            winner, reason = _obstacle(placed, ports, tls_hosts)
            if winner:
                conflicts.append(Conflict(placed, winner, reason))
                continue
            port = ports.setdefault(placed.port, _Port(placed))
            port.by_bind.setdefault(server.bind, []).append(placed)
            groups.setdefault((server.bind, placed.port), []).append(placed)
            if server.tls:
                tls_hosts |= {(placed.port, server.bind, host): placed for _, host in server.hosts}
    return list(groups.values()), conflicts


def _obstacle(
    placed: Placed, ports: dict[int, _Port], tls_hosts: dict[tuple[int, str, str], Placed]
) -> tuple[Placed | None, str]:
    server = placed.server
    if server.tls:
        for _, host in server.hosts:
            holder = tls_hosts.get((placed.port, server.bind, host))
            if holder:
                return holder, f"host {host} is served with TLS already"
    port = ports.get(placed.port)
    others = port.by_bind.get(server.bind) if port else None
    if port is None or not others:
        return None, ""
    first = others[0]
    if is_plain(first.server):
        if not (server.protocol in _HTTP and first.server.protocol in _HTTP):
            return first, f"{server.protocol} and {first.server.protocol} cannot share a port"
    elif server.tls is None:
        return first, f"{server.protocol} without TLS cannot share a port with {first.server.protocol}"
    return None, ""


def is_plain(server: Server) -> bool:
    """Whether a server reads its bytes in the clear: HTTP (a redirect to HTTPS included), or TCP without TLS."""
    return server.tls is None or server.protocol in _HTTP
