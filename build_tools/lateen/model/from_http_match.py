"""Conditions of HTTP rules."""

from __future__ import annotations

from lateen.diagnostics.codes import model as codes
from lateen.model.checks import exclusive, optional_port, valid_regex
from lateen.model.context import gateway_key
from lateen.model.fields import Fields
from lateen.model.routing import HttpMatch, StringMatch

_KINDS = ("exact", "prefix", "regex")


def http_match(section: Fields) -> HttpMatch:
    """One entry of `match`."""
    return HttpMatch(
        name=section.text("name"),
        uri=_required(section, "uri"),
        ignore_uri_case=section.flag("ignoreUriCase") or False,
        scheme=_required(section, "scheme"),
        method=_required(section, "method"),
        authority=_required(section, "authority"),
        headers=_named(section, "headers"),
        without_headers=_named(section, "withoutHeaders"),
        query_params=_named(section, "queryParams"),
        port=optional_port(section, "port"),
        gateways=tuple(gateway_key(name, section.resource.namespace) for name in section.texts("gateways")),
        source_labels=section.pairs("sourceLabels"),
        source_namespace=section.text("sourceNamespace"),
        stat_prefix=section.text("statPrefix"),
    )


def string_match(section: Fields, what: str) -> StringMatch | None:
    """How a string is compared; None (and reported) if nothing usable is said."""
    exclusive(section, *_KINDS)
    given = {kind: section.text(kind) for kind in _KINDS if kind in section}
    if not given:
        section.report(codes.INVALID_MATCH, problem=f"{what} has none of exact, prefix and regex")
        return None
    kind, value = next(iter(given.items()))
    if kind == "regex" and value != "*" and not valid_regex(section, value, kind):
        return None
    return StringMatch(kind, value)


def _required(section: Fields, name: str) -> StringMatch | None:
    given = section.section(name)
    return string_match(given, name) if given else None


def _named(section: Fields, name: str) -> tuple[tuple[str, StringMatch], ...]:
    """Conditions on headers or query parameters; `{}`, an empty prefix and the regex `*` mean: present."""
    result = []
    for key, entry in section.entries(name):
        given = [entry.text(kind) for kind in _KINDS]
        if not key:
            section.report(codes.INVALID_HEADER, name, problem="a header name is empty")
        elif not any(given) or entry.text("regex") == "*":
            result.append((key, StringMatch("present")))
        else:
            match = string_match(entry, key)
            if match:
                result.append((key, match))
    return tuple(result)
