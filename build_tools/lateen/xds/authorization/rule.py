"""One rule of a policy: any source and any operation, all conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from lateen.model.security import AuthorizationRule, Condition, Operation, Source
from lateen.xds.authorization import permissions, principals
from lateen.xds.snapshot import Config

_SLASHES = 4
_BRACKETED = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Term:
    """An attribute with the values of which one must match, and those of which none may. `http` needs a request."""

    build: Callable[[str], Config]
    values: Sequence[str]
    not_values: Sequence[str]
    http: bool = False

    @property
    def given(self) -> bool:
        """Whether it says anything."""
        return bool(self.values or self.not_values)


class UnanswerableError(Exception):
    """A condition that nothing here can answer: of a request in a TCP rule, or of an attribute that does not exist."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule is written for. `domains` are the trust domain and its aliases, the mesh's own first."""

    namespace: str
    domains: tuple[str, ...]
    tcp: bool = False
    widen: bool = False  # DENY and AUDIT leave out what cannot be answered, ALLOW drops the rule


def envoy_policy(rule: AuthorizationRule, context: Context) -> Config | None:
    """The RBAC policy of a rule, or None where a part cannot be answered and leaving it out would allow more."""
    try:
        from_conditions, to_conditions = _conditions(rule.conditions, context)
        sources = [[*_source(s, context), *from_conditions] for s in rule.sources or (Source(),)]
        operations = [[*_operation(o), *to_conditions] for o in rule.operations or (Operation(),)]
        return {
            "permissions": [_all(terms, "rules", "rule", context) for terms in operations],
            "principals": [_all(terms, "ids", "id", context) for terms in sources],
        }
    except UnanswerableError:
        return None


def _source(source: Source, context: Context) -> list[Term]:
    account = partial(principals.service_account, default_namespace=context.namespace)
    known = partial(expand_trust_domains, domains=context.domains)
    return [
        Term(principals.identity, known(source.principals or ()), known(source.not_principals or ())),
        Term(
            principals.request_principal,
            source.request_principals or (),
            source.not_request_principals or (),
            http=True,
        ),
        Term(account, source.service_accounts or (), source.not_service_accounts or ()),
        Term(principals.trust_domain, source.trust_domains or (), source.not_trust_domains or ()),
        Term(principals.namespace, source.namespaces or (), source.not_namespaces or ()),
        Term(principals.remote_ip, source.remote_ip_blocks or (), source.not_remote_ip_blocks or ()),
        Term(principals.direct_ip, source.ip_blocks or (), source.not_ip_blocks or ()),
    ]


def _operation(operation: Operation) -> list[Term]:
    return [
        Term(permissions.host, operation.hosts or (), operation.not_hosts or (), http=True),
        Term(permissions.method, operation.methods or (), operation.not_methods or (), http=True),
        Term(permissions.path, operation.paths or (), operation.not_paths or (), http=True),
        Term(permissions.port, operation.ports or (), operation.not_ports or ()),
    ]


def _conditions(conditions: Iterable[Condition], context: Context) -> tuple[list[Term], list[Term]]:
    """Conditions on who calls, and conditions on what is called."""
    who: list[Term] = []
    what: list[Term] = []
    for condition in conditions:
        key, values, not_values = condition.key, condition.values, condition.not_values
        if called := _called(key):
            build, http = called
            what.append(Term(build, values, not_values, http))
        elif caller := _caller(key, context):
            build, http = caller
            if key == "source.principal":
                values = expand_trust_domains(values, context.domains)
                not_values = expand_trust_domains(not_values, context.domains)
            who.append(Term(build, values, not_values, http))
        elif not context.widen:
            raise UnanswerableError
    return who, what


def _called(key: str) -> tuple[permissions.Builder, bool] | None:
    if key.startswith("experimental.envoy.filters."):
        return permissions.filter_metadata(key), False
    known = {
        "destination.ip": permissions.destination_ip,
        "destination.port": permissions.port,
        "connection.sni": permissions.server_name,
    }
    return (known[key], False) if key in known else None


def _caller(key: str, context: Context) -> tuple[principals.Builder, bool] | None:
    parts = tuple(_BRACKETED.findall(key))
    if key.startswith("request.headers[") and parts:
        return principals.request_header(parts[0]), True
    if key.startswith("request.auth.claims[") and parts:
        return principals.claim(parts), True
    known: dict[str, tuple[principals.Builder, bool]] = {
        "source.ip": (principals.direct_ip, False),
        "remote.ip": (principals.remote_ip, False),
        "source.namespace": (principals.namespace, False),
        "source.principal": (principals.identity, False),
        "source.serviceAccount": (partial(principals.service_account, default_namespace=context.namespace), False),
        "request.auth.principal": (principals.request_principal, True),
        "request.auth.audiences": (principals.audience, True),
        "request.auth.presenter": (principals.presenter, True),
    }
    return known.get(key)


def _all(terms: Sequence[Term], plural: str, singular: str, context: Context) -> Config:
    """All terms, each of them any of its values and none of the excluded ones."""
    parts: list[Config] = []
    for term in terms:
        if not term.given:
            continue
        if term.http and context.tcp:
            if context.widen:
                continue
            raise UnanswerableError
        if term.values:
            parts.append({f"or_{plural}": {plural: [term.build(value) for value in term.values]}})
        if term.not_values:
            excluded = {f"or_{plural}": {plural: [term.build(value) for value in term.not_values]}}
            parts.append({f"not_{singular}": excluded})
    return {f"and_{plural}": {plural: parts or [{"any": True}]}}


def expand_trust_domains(values: Sequence[str], domains: Sequence[str]) -> tuple[str, ...]:
    """Principals under every name that the local trust domain has.

    A principal of the mesh's trust domain (or of an alias, or of `cluster.local`, which always means it) stands for
    all of them. One whose trust domain has a wildcard stays as it is for the domains that it covers.
    """
    expanded: dict[str, None] = {}
    for value in values:
        domain, _, rest = value.partition("/")
        ours = domain == "cluster.local" or any(_covers(domain, local) for local in domains)
        # Only TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT demands a trust domain; a shorter pattern is taken by its letters.
        if value.count("/") != _SLASHES or domain == "*" or not ours:
            expanded[value] = None
            continue
        for local in domains:
            expanded[value if "*" in domain and _covers(domain, local) else f"{local}/{rest}"] = None
    return tuple(expanded)


def _covers(pattern: str, domain: str) -> bool:
    if pattern.startswith("*"):
        return domain.endswith(pattern[1:])
    if pattern.endswith("*"):
        return domain.startswith(pattern[:-1])
    return pattern == domain
