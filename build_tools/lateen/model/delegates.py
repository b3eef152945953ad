"""VirtualServices that delegate: the rules of the delegate in the place of the rule that names it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from lateen.diagnostics.codes import model as codes
from lateen.model.context import visible
from lateen.model.from_virtual_service import DraftRoute, RoutedRule
from lateen.model.routing import HttpMatch, HttpRoute, HttpRule, StringMatch

_T = TypeVar("_T")


def join_delegates(drafts: Iterable[DraftRoute]) -> list[HttpRoute]:
    """Every route that has hosts, with the rules of its delegates put in (one level, as in Istio).

    A delegate's rule applies where a match of the delegating rule holds as well; what it does not say itself it
    takes from the delegating rule. A delegate that does not exist leaves its rule out.
    """
    drafts = list(drafts)
    delegates = {(d.route.ref.namespace, d.route.ref.name): d for d in drafts if not d.route.hosts}
    return [
        replace(draft.route, rules=tuple(rule for item in draft.rules for rule in _expand(item, draft, delegates)))
        for draft in drafts
        if draft.route.hosts
    ]


def _expand(item: RoutedRule, draft: DraftRoute, delegates: dict[tuple[str, str], DraftRoute]) -> Iterator[HttpRule]:
    if item.delegate is None:
        yield item.rule
        return
    namespace = draft.route.ref.namespace
    target = delegates.get((item.delegate.namespace, item.delegate.name))
    if target is None or not visible(target.route.export_to, namespace):
        name = f"{item.delegate.namespace}/{item.delegate.name}"
        item.fields.report(codes.DELEGATE_MISSING, "delegate", name=name, namespace=namespace)
        return
    for inner in target.rules:
        if inner.delegate is not None:
            problem = "a delegate cannot delegate further"
            inner.fields.report(codes.CONTRADICTION, "delegate", problem=problem)
            continue
        matches = _combine(item.rule.matches, inner.rule.matches)
        if matches is None:
            inner.fields.report(codes.DELEGATE_CONFLICT, root=str(item.fields.origin()))
        else:
            yield _inherit(item.rule, inner.rule, matches)


def _inherit(root: HttpRule, rule: HttpRule, matches: tuple[HttpMatch, ...]) -> HttpRule:
    return replace(
        rule,
        name="-".join(name for name in (root.name, rule.name) if name),
        matches=matches,
        rewrite=rule.rewrite or root.rewrite,
        timeout=root.timeout if rule.timeout is None else rule.timeout,
        retry=rule.retry or root.retry,
        fault=rule.fault or root.fault,
        mirrors=rule.mirrors or root.mirrors,
        cors=rule.cors or root.cors,
        request_headers=rule.request_headers or root.request_headers,
        response_headers=rule.response_headers or root.response_headers,
        path=root.path,
    )


def _combine(outer: tuple[HttpMatch, ...], inner: tuple[HttpMatch, ...]) -> tuple[HttpMatch, ...] | None:
    """Both conditions at once; None if some inner match contradicts every outer one."""
    if not outer or not inner:
        return outer or inner
    result: list[HttpMatch] = []
    for match in inner:
        combined = [_both(root, match) for root in outer if not _contradict(root, match)]
        if not combined:
            return None
        result += combined
    return tuple(result)


def _both(root: HttpMatch, match: HttpMatch) -> HttpMatch:
    return replace(
        match,
        name="-".join(name for name in (root.name, match.name) if name),
        uri=match.uri or root.uri,
        scheme=match.scheme or root.scheme,
        method=match.method or root.method,
        authority=match.authority or root.authority,
        headers=_merge(root.headers, match.headers),
        without_headers=_merge(root.without_headers, match.without_headers),
        query_params=_merge(root.query_params, match.query_params),
        port=match.port or root.port,
        gateways=match.gateways or root.gateways,
        source_labels=_merge(root.source_labels, match.source_labels),
        source_namespace=match.source_namespace or root.source_namespace,
        stat_prefix=match.stat_prefix or root.stat_prefix,
    )


def _merge(root: tuple[tuple[str, _T], ...], inner: tuple[tuple[str, _T], ...]) -> tuple[tuple[str, _T], ...]:
    return tuple(sorted((dict(root) | dict(inner)).items(), key=lambda item: item[0]))


def _contradict(root: HttpMatch, match: HttpMatch) -> bool:
    """Whether no request can satisfy both, or Istio cannot tell (`hasConflict` in virtualservice.go)."""
    labels = dict(root.source_labels)
    return (
        _differ(root.uri, match.uri)
        or _differ(root.scheme, match.scheme)
        or _differ(root.method, match.method)
        or _differ(root.authority, match.authority)
        or _any_differ(root.headers, match.headers)
        or _any_differ(root.without_headers, match.without_headers)
        or _any_differ(root.query_params, match.query_params)
        or root.ignore_uri_case != match.ignore_uri_case
        or (root.port > 0 and match.port > 0 and root.port != match.port)
        or (root.source_namespace not in ("", match.source_namespace) and match.source_namespace != "")
        or any(labels.get(key, value) != value for key, value in match.source_labels)
        or bool(root.gateways and not set(match.gateways) <= set(root.gateways))
    )


def _any_differ(root: tuple[tuple[str, StringMatch], ...], inner: tuple[tuple[str, StringMatch], ...]) -> bool:
    known = dict(root)
    return any(_differ(known.get(name), match) for name, match in inner)


def _differ(root: StringMatch | None, inner: StringMatch | None) -> bool:
    if root is None or inner is None or root.kind == "present":
        return False
    if "regex" in (root.kind, inner.kind):
        return True
    if root.kind == "exact":
        return inner != root
    return not inner.value.startswith(root.value)
