"""Hosts that two VirtualServices route inside the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import title
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh
from lateen.model.routing import MESH_GATEWAY, HttpRoute

CODES = (codes.HOST_CLAIMED_TWICE,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each host of a VirtualService that an earlier one already routes for the same clients.

    Rules for gateways are joined, so they do not count; nor do routes that no namespace sees both of.
    """
    claims: dict[str, list[HttpRoute]] = {}
    for route in mesh.http_routes:
        if MESH_GATEWAY not in route.gateways:
            continue
        for index, host in enumerate(route.hosts):
            rivals = claims.setdefault(host, [])
            winner = next((rival for rival in rivals if _meet(rival.export_to, route.export_to)), None)
            rivals.append(route)
            if winner:
                origin = route.ref.at("spec.hosts", index)
                related = (winner.ref.origin,)
                yield codes.HOST_CLAIMED_TWICE.at(origin, related=related, host=host, winner=title(winner.ref))


def _meet(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether some namespace sees both at equal precedence."""
    return bool(one & other)
