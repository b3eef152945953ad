"""All resources of one proxy together: what each refers to exists, and no two claim the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lateen.diagnostics.codes.verify import ADDRESS_TAKEN, NO_ENDPOINTS, ORPHAN_ENDPOINTS, SCHEMA
from lateen.verification.examine import Examined, absent_filter
from lateen.verification.problem import Problem
from lateen.xds.snapshot import TYPES, Snapshot

Key = tuple[str, str]
"""Attribute of the snapshot and resource name; `("bootstrap", "")` is the bootstrap."""

_DELIVERED = frozenset({"default", "ROOTCA"})
"""The secrets of the workload's own identity: no snapshot holds them, every control plane of the mesh does."""


def check_together(snapshot: Snapshot, examined: Mapping[Key, Examined]) -> Iterator[tuple[Key, Problem]]:
    """Every problem that needs more than one resource to be seen, with the resource that has it."""
    known = {attribute: set(getattr(snapshot, attribute)) for attribute in TYPES}
    known["secrets"] |= _DELIVERED
    for found in examined.values():
        for attribute, name in found.declared:
            known[attribute].add(name)
    for key, found in examined.items():
        for reference in found.references:
            if reference.name not in known[reference.attribute]:
                yield key, Problem(reference.code, reference.path, {"name": reference.name})
    yield from _orphans(examined)
    yield from _shared_addresses(examined)
    yield from _absent_filters(examined)


def _orphans(examined: Mapping[Key, Examined]) -> Iterator[tuple[Key, Problem]]:
    asked = {ref.name for found in examined.values() for ref in found.references if ref.code is NO_ENDPOINTS}
    # What a cluster that breaks the schema asks for is not known.
    asked |= {key[1] for key, found in examined.items() if any(problem.code is SCHEMA for problem in found.problems)}
    for key in examined:
        if key[0] == "endpoints" and key[1] not in asked:
            yield key, Problem(ORPHAN_ENDPOINTS, "")


def _shared_addresses(examined: Mapping[Key, Examined]) -> Iterator[tuple[Key, Problem]]:
    owners: dict[str, str] = {}
    for key, found in examined.items():
        for name, address in found.addresses:
            if address in owners:
                yield key, Problem(ADDRESS_TAKEN, "", {"address": address, "other": owners[address]})
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
