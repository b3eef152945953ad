"""Which VirtualServices hold for which service: exact hosts first, then the most specific wildcard."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from lateen.model.routing import HttpRoute


@dataclass(slots=True)
class Attachments:
    """Routes of the mesh by the services they attach to, in order of precedence.

    A route of the Gateway API attaches to literal hosts only.
    """

    _exact: dict[str, list[HttpRoute]] = field(default_factory=dict)
    _wildcards: list[tuple[str, HttpRoute]] = field(default_factory=list)

    @staticmethod
    def of(routes: Iterable[HttpRoute]) -> Attachments:
        """Index of `routes`, oldest first."""
        index = Attachments()
        for route in routes:
            for host in route.hosts:
                if not host.startswith("*"):
                    index._exact.setdefault(host, []).append(route)
                elif route.ref.kind == "VirtualService":
                    index._wildcards.append((host, route))
        # A longer wildcard is more specific; of equals the older stays first.
        index._wildcards.sort(key=lambda wildcard: -len(wildcard[0]))
        return index

    def of_service(self, hostname: str) -> list[HttpRoute]:
        """The routes for a service, best first; only one wildcard is ever considered."""
        if exact := self._exact.get(hostname):
            return exact
        return next(([route] for pattern, route in self._wildcards if covers(pattern, hostname)), [])

    def hosts_without_service(self, route: HttpRoute, known: Collection[str]) -> list[str]:
        """The route's hosts that name none of the `known` services, not even by wildcard."""
        return [
            host
            for host in route.hosts
            if host not in known and not (host.startswith("*") and any(covers(host, name) for name in known))
        ]


def covers(pattern: str, host: str) -> bool:
    """Whether a host, itself possibly a wildcard, is equal to `pattern` or inside it (`*.example.com`)."""
    if pattern in ("*", host):
        return True
    return pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:]) and len(host) >= len(pattern)
