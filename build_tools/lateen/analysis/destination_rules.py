"""DestinationRules: hosts and subsets that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import targets, workloads_of
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.hosts import is_wildcard, matches
from lateen.model.identity import Selector
from lateen.model.mesh import Mesh

CODES = (codes.RULE_WITHOUT_HOST, codes.UNUSED_SUBSET, codes.EMPTY_SUBSET)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each rule for an unknown host, each subset without workloads, each that no route uses."""
    used = {(t.destination.host, t.destination.subset) for t in targets(mesh)}
    for rule in mesh.destination_rules:
        services = [s for s in mesh.services if matches(rule.host, s.hostname)]
        if not services and not is_wildcard(rule.host):
            yield codes.RULE_WITHOUT_HOST.at(rule.ref.at("spec.host"), host=rule.host)
            continue
        workloads = [w for service in services for w in workloads_of(mesh, service)]
        for index, subset in enumerate(rule.subsets):
            origin = rule.ref.at("spec.subsets", index)
            labels = ", ".join(f"{key}={value}" for key, value in subset.labels)
            picks = Selector(subset.labels)
            if workloads and not any(picks.selects(w.labels) for w in workloads):
                yield codes.EMPTY_SUBSET.at(origin, host=rule.host, labels=labels, subset=subset.name)
            elif not any(name == subset.name and matches(rule.host, host) for host, name in used):
                yield codes.UNUSED_SUBSET.at(origin, subset=subset.name, host=rule.host)
