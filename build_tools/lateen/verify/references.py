"""All resources of one proxy together: what each refers to exists, and no two claim the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lateen.diagnostics.codes.verify import ADDRESS_TAKEN, NO_ENDPOINTS, ORPHAN_ENDPOINTS
from lateen.verify.examine import Examined, absent_filter
from lateen.verify.problem import Problem
from lateen.verify.rules.addresses import addresses
from lateen.xds.snapshot import Snapshot

Key = tuple[str, str]
"""Attribute of the snapshot and resource name; `("bootstrap", "")` is the bootstrap."""

_DELIVERED = frozenset({"default", "ROOTCA"})
"""The secrets of the workload's own identity: no snapshot holds them, every control plane of the mesh does."""


def check_together(
    snapshot: Snapshot, bootstrap: dict[str, Any], examined: Mapping[Key, Examined]
) -> Iterator[tuple[Key, Problem]]:
    """Every problem that needs more than one resource to be seen, with the resource that has it."""
    static = bootstrap.get("static_resources") or {}
    known = {
        "clusters": snapshot.clusters.keys() | {cluster.get("name") for cluster in static.get("clusters", ())},
        "routes": snapshot.routes.keys(),
        "endpoints": snapshot.endpoints.keys(),
        "secrets": snapshot.secrets.keys() | {secret.get("name") for secret in static.get("secrets", ())} | _DELIVERED,
        "extensions": snapshot.extensions.keys(),
    }
    for key, found in examined.items():
        for reference in found.references:
            if reference.name not in known[reference.attribute]:
                yield key, Problem(reference.code, reference.path, {"name": reference.name})
    yield from _orphans(examined)
    yield from _shared_addresses(snapshot, static)
    yield from _absent_filters(examined)


def _orphans(examined: Mapping[Key, Examined]) -> Iterator[tuple[Key, Problem]]:
    asked = {ref.name for found in examined.values() for ref in found.references if ref.code is NO_ENDPOINTS}
    for key in examined:
        if key[0] == "endpoints" and key[1] not in asked:
            yield key, Problem(ORPHAN_ENDPOINTS, "")


def _shared_addresses(snapshot: Snapshot, static: dict[str, Any]) -> Iterator[tuple[Key, Problem]]:
    owners: dict[str, str] = {}
    fixed = [(("bootstrap", ""), listener) for listener in static.get("listeners", ())]
    for key, listener in fixed + [(("listeners", name), config) for name, config in snapshot.listeners.items()]:
        name = listener.get("name") or key[1]
        for address in dict.fromkeys(addresses(listener)):
            if address in owners:
                yield key, Problem(ADDRESS_TAKEN, "address", {"address": address, "other": owners[address]})
            owners.setdefault(address, f"listener {name}")


def _absent_filters(examined: Mapping[Key, Examined]) -> Iterator[tuple[Key, Problem]]:
    users: dict[str, frozenset[str]] = {}
    for found in examined.values():
        for routes, filters in found.filters:
            users[routes] = users.get(routes, frozenset()) | filters
    for key, found in examined.items():
        if key[0] == "routes" and key[1] in users:
            for override in found.overrides:
                if override.name not in users[key[1]]:
                    yield key, absent_filter(override)
