"""Which DestinationRule a client follows for a service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lateen.model.context import visible
from lateen.model.mesh import Mesh
from lateen.model.service import Service
from lateen.model.traffic_policy import DestinationRule
from lateen.scope.hosts import HostIndex

Index = dict[str, HostIndex[list[DestinationRule]]]


def rule_for(mesh: Mesh, service: Service, namespace: str, labels: Mapping[str, str]) -> DestinationRule | None:
    """The rule that clients with these labels in `namespace` follow for a service.

    The first namespace with a rule for the host decides: the client's own, the service's, the root namespace's. There
    an exact host comes before a wildcard. A rule with a workload selector is for its own namespace's workloads and
    comes before one without. Source: Istio, `PushContext.destinationRule` and `SidecarScope.DestinationRule`.
    """
    index = _index(mesh)
    root = mesh.config.root_namespace
    found = _found(index, namespace, service.hostname)
    # Rules of the root namespace for everybody must not hide those of a service from a proxy that lives there.
    rules = [rule for rule in found if _private(rule)] if namespace == root else found
    for owner in (service.namespace, root):
        if rules:
            break
        found = _found(index, owner, service.hostname)
        rules = [rule for rule in found if not _private(rule) and visible(rule.export_to, namespace)]
    return _choose(rules, namespace, labels)


def _found(index: Index, owner: str, host: str) -> list[DestinationRule]:
    by_host = index.get(owner)
    return (by_host.find(host) if by_host else None) or []


def _private(rule: DestinationRule) -> bool:
    return rule.export_to <= {rule.ref.namespace}


def _choose(rules: list[DestinationRule], namespace: str, labels: Mapping[str, str]) -> DestinationRule | None:
    for rule in rules:
        if rule.selector and rule.ref.namespace == namespace and rule.selector.selects(dict(labels)):
            return rule
    return next((rule for rule in rules if not rule.selector), None)


def _index(mesh: Mesh) -> Index:
    key = ("destination_rules",)
    if key not in mesh.derived:
        by_namespace: dict[str, dict[str, list[DestinationRule]]] = defaultdict(lambda: defaultdict(list))
        for rule in mesh.destination_rules:
            by_namespace[rule.ref.namespace][rule.host].append(rule)
        mesh.derived[key] = {
            namespace: HostIndex({host: merge_rules(rules) for host, rules in by_host.items()})
            for namespace, by_host in by_namespace.items()
        }
    index: Index = mesh.derived[key]
    return index


def merge_rules(rules: Iterable[DestinationRule]) -> list[DestinationRule]:
    """Rules of one namespace for one host: those with equal visibility and selector become one.

    The oldest gives the policy; subsets of all are joined, the oldest of a name wins.
    """
    merged: list[DestinationRule] = []
    for rule in rules:
        for index, first in enumerate(merged):
            if first.export_to == rule.export_to and first.selector == rule.selector:
                known = {subset.name for subset in first.subsets}
                more = tuple(subset for subset in rule.subsets if subset.name not in known)
                merged[index] = replace(first, policy=first.policy or rule.policy, subsets=first.subsets + more)
                break
        else:
            merged.append(rule)
    return merged
