"""AuthorizationPolicy sources that nobody is."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh
from lateen.model.security import AuthorizationPolicy, Source

CODES = (codes.UNKNOWN_PRINCIPAL, codes.UNKNOWN_NAMESPACE)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each principal, service account or namespace that no workload of the mesh has.

    Wildcards are tried against what there is; identities of other trust domains are unknown here and pass.
    """
    accounts = {(w.namespace, w.service_account) for w in mesh.workloads}
    namespaces = {w.namespace for w in mesh.workloads}
    if not accounts:
        return
    for policy in mesh.authorization_policies:
        for index, rule in enumerate(policy.rules):
            for place, source in enumerate(rule.sources):
                path = f"spec.rules[{index}].from[{place}].source"
                yield from _principals(mesh, policy, source, path, accounts)
                for position, namespace in enumerate(source.namespaces or ()):
                    if not any(_covers(namespace, known) for known in namespaces):
                        origin = policy.ref.at(path, "namespaces", position)
                        yield codes.UNKNOWN_NAMESPACE.at(origin, namespace=namespace)


def _principals(
    mesh: Mesh, policy: AuthorizationPolicy, source: Source, path: str, accounts: set[tuple[str, str]]
) -> Iterator[Diagnostic]:
    domains = {mesh.config.trust_domain, *mesh.config.trust_domain_aliases, "cluster.local"}
    known = {f"{domain}/ns/{namespace}/sa/{name}" for domain in domains for namespace, name in accounts}
    for position, principal in enumerate(source.principals or ()):
        local = principal.startswith("*") or principal.split("/", 1)[0] in domains
        if local and not any(_covers(principal, identity) for identity in known):
            origin = policy.ref.at(path, "principals", position)
            yield codes.UNKNOWN_PRINCIPAL.at(origin, principal=principal)
    for position, account in enumerate(source.service_accounts or ()):
        namespace, slash, name = account.rpartition("/")
        if (namespace if slash else policy.ref.namespace, name) not in accounts:
            origin = policy.ref.at(path, "serviceAccounts", position)
            yield codes.UNKNOWN_PRINCIPAL.at(origin, principal=account)


def _covers(pattern: str, value: str) -> bool:
    """Istio's value forms: `*`, `x*`, `*x`, exact."""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
