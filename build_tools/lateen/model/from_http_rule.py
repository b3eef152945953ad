"""One HTTP rule of a VirtualService: what it does with the requests that it matches."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from typing import NamedTuple

from lateen.diagnostics.codes import model as codes
from lateen.model.checks import bounded, exclusive, optional_port, percentage, valid_regex
from lateen.model.context import Context
from lateen.model.destinations import destination, header_ops, weighted_destinations
from lateen.model.fields import Fields
from lateen.model.from_http_match import http_match, string_match
from lateen.model.routing import (
    Cors,
    DirectResponse,
    Fault,
    HttpRule,
    Mirror,
    Redirect,
    Retry,
    Rewrite,
    StringMatch,
)

MAX_BODY = 1024 * 1024
"""Istio's webhook refuses a longer body of a direct response."""


class Delegate(NamedTuple):
    """The VirtualService that a rule hands its requests to."""

    namespace: str
    name: str


def http_rule(section: Fields, context: Context) -> tuple[HttpRule, Delegate | None]:
    """A rule of `http`, and the VirtualService that it delegates to."""
    matches = tuple(http_match(match) for match in section.sections("match"))
    delegate = section.section("delegate")
    redirect, response = section.section("redirect"), section.section("directResponse")
    rewrite = section.section("rewrite")
    retries, fault, cors = section.section("retries"), section.section("fault"), section.section("corsPolicy")
    headers = section.section("headers")
    rule = HttpRule(
        name=section.text("name"),
        matches=matches,
        destinations=weighted_destinations(section, context),
        redirect=_redirect(redirect) if redirect else None,
        direct_response=_direct_response(response) if response else None,
        rewrite=_rewrite(rewrite) if rewrite else None,
        timeout=section.duration("timeout"),
        retry=_retry(retries) if retries else None,
        fault=_fault(fault) if fault else None,
        mirrors=_mirrors(section, context),
        cors=_cors(cors) if cors else None,
        request_headers=header_ops(headers.section("request")),
        response_headers=header_ops(headers.section("response")),
        path=section.path,
    )
    _check_actions(section, rule)
    return rule, _delegate(delegate)


def _check_actions(section: Fields, rule: HttpRule) -> None:
    exclusive(section, "redirect", "directResponse", "route", "delegate")
    for action in ("redirect", "directResponse"):
        for name in ("fault", "rewrite") if action in section else ():
            if name in section and not (action == "directResponse" and name == "fault"):
                section.report(codes.CONTRADICTION, name, key=True, problem=f"{name} excludes {action}")
    if not any(name in section for name in ("route", "redirect", "directResponse", "delegate")):
        section.report(codes.MISSING, problem="the rule has no route, redirect, directResponse or delegate")
    if "delegate" in section:
        _check_delegating(section, rule)
    if rule.redirect and rule.redirect.prefix and any(m.uri and m.uri.kind != "prefix" for m in rule.matches):
        problem = "prefixRewrite needs matches by prefix"
        section.report(codes.CONTRADICTION, "redirect", "prefixRewrite", key=True, problem=problem)


def _check_delegating(section: Fields, rule: HttpRule) -> None:
    """The match of a delegating rule is combined with those of the delegate, which regular expressions forbid."""
    for index, match in enumerate(rule.matches):
        conditions = [match.uri, match.scheme, match.method, match.authority]
        named = [m for _, m in (*match.headers, *match.without_headers, *match.query_params)]
        if any(m and m.kind == "regex" for m in (*conditions, *named)):
            problem = "a rule that delegates cannot match by regular expression"
            section.report(codes.INVALID_MATCH, "match", index, problem=problem)


def _delegate(section: Fields) -> Delegate | None:
    name, namespace = section.text("name"), section.text("namespace")
    if section and not name:
        section.report(codes.MISSING, problem="the delegate has no name")
    return Delegate(namespace or section.resource.namespace, name) if name else None


def _redirect(section: Fields) -> Redirect:
    exclusive(section, "port", "derivePort")
    exclusive(section, "uri", "prefixRewrite")
    code = section.integer("redirectCode") or 301
    if code not in (301, 302, 303, 307, 308):
        section.report(codes.INVALID_STATUS, "redirectCode", problem=f"{code} is not 301, 302, 303, 307 or 308")
    scheme = section.text("scheme")
    if scheme not in ("", "http", "https"):
        section.report(codes.INVALID_VALUE, "scheme", problem=f"scheme {scheme!r} is neither http nor https")
    if not any(name in section for name in ("uri", "prefixRewrite", "authority", "port", "derivePort", "scheme")):
        section.report(codes.MISSING, problem="the redirect changes nothing: give uri, authority, scheme or port")
    return Redirect(
        uri=section.text("uri"),
        prefix=section.text("prefixRewrite"),
        authority=section.text("authority"),
        port=optional_port(section, "port"),
        derive_port=section.text("derivePort"),
        scheme=scheme,
        code=code,
    )


def _direct_response(section: Fields) -> DirectResponse:
    status = section.integer("status") or 0
    if not 200 <= status <= 599:
        section.report(codes.INVALID_STATUS, "status", problem=f"{status} is not a status code (200 to 599)")
    body = section.section("body")
    text = body.text("string")
    content = text.encode() if body else None
    if "bytes" in body:
        with suppress(binascii.Error):  # reported by the schema
            content = base64.b64decode(body.text("bytes"), validate=True)
    if content and len(content) > MAX_BODY:
        body.report(codes.INVALID_VALUE, problem=f"the body has {len(content)} bytes, more than {MAX_BODY}")
    return DirectResponse(status, content)


def _rewrite(section: Fields) -> Rewrite:
    exclusive(section, "uri", "uriRegexRewrite")
    regex = section.section("uriRegexRewrite")
    pattern = regex.text("match")
    if regex:
        valid_regex(regex, pattern, "match")
    result = Rewrite(
        section.text("uri"), section.text("authority"), (pattern, regex.text("rewrite")) if regex else None
    )
    if result == Rewrite():
        section.report(codes.MISSING, problem="the rewrite changes nothing: give uri, uriRegexRewrite or authority")
    return result


def _retry(section: Fields) -> Retry:
    attempts = bounded(section, "attempts", 0) or 0
    if not attempts and ("retryOn" in section or "perTryTimeout" in section):
        problem = "perTryTimeout and retryOn need attempts"
        section.report(codes.CONTRADICTION, problem=problem)
    return Retry(
        attempts=attempts,
        per_try_timeout=section.duration("perTryTimeout", minimum=0.001),
        retry_on=section.text("retryOn"),
        retry_remote_localities=section.flag("retryRemoteLocalities"),
        retry_ignore_previous_hosts=section.flag("retryIgnorePreviousHosts"),
        backoff=section.duration("backoff", minimum=0.001),
    )


def _fault(section: Fields) -> Fault:
    delay, abort = section.section("delay"), section.section("abort")
    if not delay and not abort:
        section.report(codes.MISSING, problem="the fault has neither delay nor abort")
    exclusive(abort, "httpStatus", "grpcStatus")
    if abort and not ("httpStatus" in abort or "grpcStatus" in abort):
        abort.report(codes.MISSING, problem="the abort has neither httpStatus nor grpcStatus")
    if delay and "fixedDelay" not in delay:
        delay.report(codes.MISSING, problem="the delay has no fixedDelay")
    old = bounded(delay, "percent", 0, 100)
    delay_percent = percentage(delay, "percentage")
    if delay_percent is None:
        delay_percent = 100.0 if old is None else float(old)
    abort_percent = percentage(abort, "percentage")
    status = abort.integer("httpStatus")
    if status is not None and not 200 <= status <= 599:
        abort.report(codes.INVALID_STATUS, "httpStatus", problem=f"{status} is not a status code (200 to 599)")
        status = None
    return Fault(
        delay=delay.duration("fixedDelay", minimum=0.001),
        delay_percent=delay_percent,
        abort_http=status or 0,
        abort_grpc=abort.text("grpcStatus"),
        abort_percent=100.0 if abort_percent is None else abort_percent,
    )


def _mirrors(section: Fields, context: Context) -> tuple[Mirror, ...]:
    exclusive(section, "mirror", "mirrors")
    single = section.section("mirror")
    percent = percentage(section, "mirrorPercentage")
    old = [bounded(section, name, 0, 100) for name in ("mirrorPercent", "mirror_percent")]
    if percent is None:
        percent = next((float(value) for value in old if value is not None), 100.0)
    targets = [(destination(single, context), percent)] if single else []
    for mirror in section.sections("mirrors"):
        share = percentage(mirror, "percentage")
        targets.append((destination(mirror.section("destination"), context), 100.0 if share is None else share))
    return tuple(Mirror(target, share) for target, share in targets if target and share)


def _cors(section: Fields) -> Cors:
    origins = tuple(
        match
        for match in (string_match(item, "allowOrigins") for item in section.sections("allowOrigins"))
        if match is not None
    )
    old = tuple(StringMatch("exact", origin) for origin in section.texts("allowOrigin"))
    for index, method in enumerate(section.texts("allowMethods")):
        if not method.isupper():
            problem = f"{method!r} is not an HTTP method; methods are upper case"
            section.report(codes.INVALID_VALUE, "allowMethods", index, problem=problem)
    return Cors(
        allow_origins=origins or old,
        allow_methods=section.texts("allowMethods"),
        allow_headers=section.texts("allowHeaders"),
        expose_headers=section.texts("exposeHeaders"),
        max_age=section.duration("maxAge"),
        allow_credentials=section.flag("allowCredentials"),
        unmatched_preflights=section.text("unmatchedPreflights").removeprefix("UNSPECIFIED"),
    )
