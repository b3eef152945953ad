"""Conditions of a rule as Envoy's route match."""

from __future__ import annotations

import re

from lateen.model.routing import HttpMatch, StringMatch
from lateen.xds.snapshot import Config

EVERYTHING: Config = {"prefix": "/"}

_CLAIM = re.compile(r"^@request\.auth\.claims(?P<separator>[.\[])(?P<rest>.+)$", re.IGNORECASE)
_JWT = "envoy.filters.http.jwt_authn"


def route_match(match: HttpMatch | None, *, segments: bool = False) -> Config:
    """The match of one condition set; None matches everything.

    `segments`: a prefix matches whole path segments (Gateway API) instead of characters (VirtualService).
    """
    if match is None:
        return EVERYTHING
    config = _path(match.uri, segments=segments)
    config["case_sensitive"] = not match.ignore_uri_case
    headers = sorted([*_headers(match)], key=lambda header: str(header["name"]))
    pseudo = ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme))
    headers += [header_match(name, wanted) for name, wanted in pseudo if wanted]
    if headers:
        config["headers"] = headers
    if match.query_params:
        config["query_parameters"] = [_query(name, wanted) for name, wanted in match.query_params]
    if claims := _claims(match):
        config["dynamic_metadata"] = claims
    return config


def is_catch_all(match: Config) -> bool:
    """Whether nothing after a route with this match can ever be reached."""
    anything = match.get("prefix") == "/" or match.get("safe_regex", {}).get("regex") == ".*"
    return anything and not any(key in match for key in ("headers", "query_parameters", "dynamic_metadata"))


def string_match(wanted: StringMatch) -> Config:
    """Envoy's StringMatcher of an exact, prefix or regex match."""
    if wanted.kind == "regex":
        return {"safe_regex": {"regex": wanted.value}}
    return {wanted.kind: wanted.value}


def header_match(name: str, wanted: StringMatch) -> Config:
    """A header condition. The regex `*`, which RE2 has not, means presence, as in Istio."""
    if _is_presence(wanted):
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(wanted)}


def _path(uri: StringMatch | None, *, segments: bool) -> Config:
    if uri is None or uri.kind == "present":
        return dict(EVERYTHING)
    if uri.kind == "exact":
        return {"path": uri.value}
    if uri.kind == "regex":
        return {"safe_regex": {"regex": uri.value}}
    if segments and uri.value != "/":
        return {"path_separated_prefix": uri.value.removesuffix("/")}
    return {"prefix": uri.value}


def _headers(match: HttpMatch) -> list[Config]:
    present = [header_match(name, wanted) for name, wanted in match.headers if not _CLAIM.match(name)]
    absent: list[Config] = []
    for name, wanted in match.without_headers:
        if not _CLAIM.match(name):
            header = header_match(name, wanted) | {"invert_match": True}
            if "present_match" not in header:
                header["treat_missing_header_as_empty"] = True
            absent.append(header)
    return present + absent


def _query(name: str, wanted: StringMatch) -> Config:
    if _is_presence(wanted):
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(wanted)}


def _is_presence(wanted: StringMatch) -> bool:
    return wanted.kind == "present" or (wanted.kind == "regex" and wanted.value == "*")


def _claims(match: HttpMatch) -> list[Config]:
    """Conditions on JWT claims (`@request.auth.claims.group`, `@request.auth.claims[a][b]`), which are metadata."""
    found: list[Config] = []
    for conditions, invert in ((match.headers, False), (match.without_headers, True)):
        for name, wanted in conditions:
            if claim := _CLAIM.match(name):
                found.append(_claim(claim, wanted) | ({"invert": True} if invert else {}))
    return found


def _claim(claim: re.Match[str], wanted: StringMatch) -> Config:
    rest = claim["rest"]
    keys = rest.removesuffix("]").split("][") if claim["separator"] == "[" else rest.split(".")
    value = {"string_match": {"safe_regex": {"regex": ".+"}} if _is_presence(wanted) else string_match(wanted)}
    either = {"or_match": {"value_matchers": [value, {"list_match": {"one_of": value}}]}}
    return {"filter": _JWT, "path": [{"key": key} for key in ("payload", *keys)], "value": either}
