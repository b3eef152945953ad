"""Who may call: PeerAuthentication and AuthorizationPolicy (RequestAuthentication's place is here too)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lateen.model.identity import Ref, Selector


class MtlsMode(StrEnum):
    """What a port accepts. UNSET inherits; it never reaches a view."""

    UNSET = "UNSET"
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


@dataclass(frozen=True, slots=True)
class PeerAuthentication:
    """Mutual TLS of workloads; `ports` are (workload port, mode)."""

    ref: Ref
    mode: MtlsMode = MtlsMode.UNSET
    ports: tuple[tuple[int, MtlsMode], ...] = ()
    selector: Selector = Selector()
    created: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Who calls: all given lists must match, one entry of each; `not_` lists must not match. None: not given."""

    principals: tuple[str, ...] | None = None
    not_principals: tuple[str, ...] | None = None
    request_principals: tuple[str, ...] | None = None
    not_request_principals: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    not_namespaces: tuple[str, ...] | None = None
    service_accounts: tuple[str, ...] | None = None
    not_service_accounts: tuple[str, ...] | None = None
    trust_domains: tuple[str, ...] | None = None
    not_trust_domains: tuple[str, ...] | None = None
    ip_blocks: tuple[str, ...] | None = None
    not_ip_blocks: tuple[str, ...] | None = None
    remote_ip_blocks: tuple[str, ...] | None = None
    not_remote_ip_blocks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What is called, with the same reading as Source."""

    hosts: tuple[str, ...] | None = None
    not_hosts: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None
    not_ports: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    not_methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    not_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A further attribute (`request.headers[x]`, `source.ip`, `connection.sni`, `experimental....[key]`)."""

    key: str
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizationRule:
    """Any source, any operation, all conditions; an empty rule matches everything."""

    sources: tuple[Source, ...] = ()
    operations: tuple[Operation, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """One policy. `action` ALLOW, DENY, AUDIT or CUSTOM; no rules match nothing (an ALLOW of none denies all)."""

    ref: Ref
    action: str
    rules: tuple[AuthorizationRule, ...]
    selector: Selector = Selector()
    provider: str = ""
    dry_run: bool = False
    created: str = ""
