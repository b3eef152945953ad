"""PeerAuthentication and AuthorizationPolicy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.security import (
    AuthorizationPolicy,
    AuthorizationRule,
    Condition,
    MtlsMode,
    Operation,
    PeerAuthentication,
    Source,
)

_CONDITIONS = re.compile(
    r"request\.headers\[.+\]|request\.auth\.(principal|audiences|presenter|claims(\[[^\[\]]+\])+)"
    r"|source\.(ip|namespace|principal|serviceAccount|trustDomain)|remote\.ip"
    r"|destination\.(ip|port)|connection\.sni|experimental\..+"
)
_ADDRESS_CONDITIONS = ("source.ip", "remote.ip", "destination.ip")


def peer_authentications(body: Fields, _context: Context) -> Iterator[PeerAuthentication]:
    """The mutual TLS that one PeerAuthentication demands."""
    spec = body.section("spec")
    selector = spec.selector("selector", "matchLabels")
    ports = []
    for name, section in spec.entries("portLevelMtls"):
        if not name.isdecimal() or not 1 <= int(name) <= 65535:
            spec.report(codes.INVALID_PORT, "portLevelMtls", name, key=True, problem=f"{name!r} is not a port")
            continue
        ports.append((int(name), _mode(section)))
    if "portLevelMtls" in spec and not spec.mapping("portLevelMtls"):
        spec.report(codes.MISSING, "portLevelMtls", key=True, problem="portLevelMtls names no port")
    if ports and not selector:
        problem = "portLevelMtls needs a selector"
        spec.report(codes.CONTRADICTION, "portLevelMtls", key=True, problem=problem)
        ports = []
    yield PeerAuthentication(
        ref=body.ref,
        mode=_mode(spec.section("mtls")),
        ports=tuple(sorted(ports)),
        selector=selector,
        created=body.resource.created,
    )


def _mode(section: Fields) -> MtlsMode:
    return MtlsMode(section.text("mode", "UNSET"))


def authorization_policies(body: Fields, _context: Context) -> Iterator[AuthorizationPolicy]:
    """The policy of one AuthorizationPolicy; none if it is for a Gateway of the Gateway API."""
    spec = body.section("spec")
    action = spec.text("action", "ALLOW")
    provider = spec.section("provider")
    if action == "CUSTOM" and not provider.text("name"):
        spec.report(codes.INVALID_POLICY, "action", problem="CUSTOM needs provider.name")
    if action != "CUSTOM" and provider:
        spec.report(codes.INVALID_POLICY, "provider", key=True, problem=f"{action} takes no provider; CUSTOM does")
    sections = spec.sections("rules")
    if action == "DENY" and not sections:
        spec.report(codes.INVALID_POLICY, "action", problem="DENY without rules would never deny; rules: [{}] does")
    if action == "CUSTOM" and not sections:
        spec.report(codes.INVALID_POLICY, "action", problem="CUSTOM without rules would never ask its provider")
    policy = AuthorizationPolicy(
        ref=body.ref,
        action=action,
        rules=tuple(_rule(section, action) for section in sections),
        selector=spec.selector("selector", "matchLabels"),
        provider=provider.text("name"),
        dry_run=body.resource.annotations.get("istio.io/dry-run", "").lower() == "true",
        created=body.resource.created,
    )
    if not spec.attached():
        yield policy


def _rule(section: Fields, action: str) -> AuthorizationRule:
    for name in ("from", "to", "when"):
        if name in section and not section.raw(name):
            problem = f"{name} is an empty list; leave it out to match everything"
            section.report(codes.INVALID_POLICY, name, key=True, problem=problem)
    return AuthorizationRule(
        sources=tuple(_source(item) for item in section.sections("from")),
        operations=tuple(_operation(item) for item in section.sections("to")),
        conditions=tuple(_condition(item, action) for item in section.sections("when")),
    )


def _lists(section: Fields, *names: str) -> dict[str, tuple[str, ...] | None]:
    """Each list and its `not` form under the model's names; given but empty lists and empty values are reported."""
    found: dict[str, tuple[str, ...] | None] = {}
    for name in names:
        snake = re.sub(r"(?<=[a-z])([A-Z])", lambda m: f"_{m.group(1).lower()}", name)
        for field, key in ((name, snake), (f"not{name[0].upper()}{name[1:]}", f"not_{snake}")):
            values = section.texts_or_none(field)
            if values is not None and not values:
                section.report(codes.INVALID_POLICY, field, key=True, problem=f"{field} is an empty list")
            for index, value in enumerate(values or ()):
                if not value:
                    section.report(codes.INVALID_POLICY, field, index, problem=f"{field} has an empty value")
            found[key] = values
    return found


def _source(item: Fields) -> Source:
    section = item.section("source")
    if not section:
        item.report(codes.INVALID_POLICY, problem="from has an entry without source")
    names = ("principals", "requestPrincipals", "namespaces", "serviceAccounts", "trustDomains")
    source = Source(**_lists(section, *names, "ipBlocks", "remoteIpBlocks"))
    if section and source == Source():
        item.report(codes.INVALID_POLICY, "source", problem="source says nothing, which would match everybody")
    for name in ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"):
        _check_networks(section, name, section.texts(name))
    accounts = (source.service_accounts or ()) + (source.not_service_accounts or ())
    if accounts and any((source.principals, source.not_principals, source.namespaces, source.not_namespaces)):
        item.report(codes.CONTRADICTION, "source", problem="serviceAccounts excludes principals and namespaces")
    if any("*" in account for account in accounts):
        item.report(codes.INVALID_POLICY, "source", problem="serviceAccounts takes exact names, no wildcards")
    return source


def _operation(item: Fields) -> Operation:
    section = item.section("operation")
    if not section:
        item.report(codes.INVALID_POLICY, problem="to has an entry without operation")
    operation = Operation(**_lists(section, "hosts", "ports", "methods", "paths"))
    if section and operation == Operation():
        item.report(codes.INVALID_POLICY, "operation", problem="operation says nothing, which would match everything")
    for name in ("ports", "notPorts"):
        for index, port in enumerate(section.texts(name)):
            if not port.isdecimal() or not 1 <= int(port) <= 65535:
                section.report(codes.INVALID_PORT, name, index, problem=f"{port!r} is not a port (1 to 65535)")
    for name in ("paths", "notPaths"):
        for index, path in enumerate(section.texts(name)):
            problem = _path_template_fault(path)
            if problem:
                section.report(codes.INVALID_POLICY, name, index, problem=problem)
    return operation


def _path_template_fault(path: str) -> str:
    """Istio's rules for `{*}` and `{**}`: whole segments, no other braces, `{**}` last of its kind, no `*` beside."""
    if "{" not in path and "}" not in path:
        return ""
    segments = path.strip("/").split("/")
    for index, segment in enumerate(segments):
        if segment not in ("{*}", "{**}") and ("{" in segment or "}" in segment):
            return f"{path!r}: {{*}} and {{**}} stand for whole segments"
        if "*" in segment and segment not in ("{*}", "{**}"):
            return f"{path!r} mixes * with {{*}} or {{**}}"
        if segment == "{**}" and any(later in ("{*}", "{**}") for later in segments[index + 1 :]):
            return f"{path!r}: nothing like {{*}} may follow {{**}}"
    return ""


def _condition(section: Fields, action: str) -> Condition:
    key = section.text("key")
    condition = Condition(key, section.texts("values"), section.texts("notValues"))
    if not _CONDITIONS.fullmatch(key):
        section.report(codes.INVALID_POLICY, *(("key",) if key else ()), problem=f"{key!r} is not an attribute")
    if not condition.values and not condition.not_values:
        section.report(codes.INVALID_POLICY, problem=f"the condition on {key} has neither values nor notValues")
    if key in _ADDRESS_CONDITIONS:
        _check_networks(section, "values", condition.values)
        _check_networks(section, "notValues", condition.not_values)
    if action == "CUSTOM" and key.startswith("request.auth."):
        problem = f"CUSTOM is evaluated before authentication, so {key} is never set"
        section.report(codes.INVALID_POLICY, "key", problem=problem)
    return condition


def _check_networks(section: Fields, name: str, values: tuple[str, ...]) -> None:
    for index, value in enumerate(values):
        if not hosts.is_network(value):
            problem = f"{value!r} is not an address or CIDR block"
            section.report(codes.INVALID_ADDRESS, name, index, problem=problem)
