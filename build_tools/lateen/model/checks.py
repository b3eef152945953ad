"""Checks that several kinds share: what Istio's webhook demands of ports, hosts, percentages, names and expressions."""

from __future__ import annotations

import re2

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.fields import Fields


def port_number(section: Fields, name: str = "number") -> int:
    """A port from 1 to 65535; anything else is reported and 0."""
    number = section.integer(name)
    if number is None:
        section.report(codes.INVALID_PORT, problem="the port has no number")
        return 0
    if not 1 <= number <= 65535:
        section.report(codes.INVALID_PORT, name, problem=f"{number} is not a port (1 to 65535)")
        return 0
    return number


def optional_port(section: Fields, name: str) -> int:
    """A port that may be absent (0)."""
    return port_number(section, name) if name in section and section.raw(name) else 0


def valid_host(section: Fields, name: str, *path: str | int, wildcard: bool = True) -> str:
    """The host `name`, which stands at `path` of the section; reported and empty if it is none."""
    problem = hosts.fault(name, wildcard=wildcard)
    if problem:
        section.report(codes.INVALID_HOST, *path, problem=problem)
        return ""
    return name


def percentage(section: Fields, name: str) -> float | None:
    """`name.value` as a percentage from 0 to 100, None if absent."""
    given = section.section(name)
    value = given.number("value") if given else None
    if value is not None and not 0 <= value <= 100:
        given.report(codes.INVALID_PERCENT, "value", problem=f"{value:g} is not a percentage (0 to 100)")
        return None
    return (value or 0.0) if given else None


def bounded(section: Fields, name: str, low: int, high: int = 2**31 - 1) -> int | None:
    """A whole number between two bounds, both allowed; reported and None if outside."""
    value = section.integer(name)
    if value is not None and not low <= value <= high:
        bounds = f"at least {low}" if high == 2**31 - 1 else f"{low} to {high}"
        section.report(codes.INVALID_VALUE, name, problem=f"{name} is {value}, which is not {bounds}")
        return None
    return value


def valid_name(section: Fields, name: str, what: str) -> str:
    """A field that must be a DNS label; reported if it is none."""
    text = section.text(name)
    if not hosts.is_dns_label(text):
        path = (name,) if name in section else ()
        problem = f"{text!r} is not a valid {what}: lower-case letters, digits and -" if text else f"{what} is missing"
        section.report(codes.INVALID_NAME, *path, problem=problem)
    return text


def valid_regex(section: Fields, pattern: str, *path: str | int) -> bool:
    """Whether RE2 takes the pattern; reported if not."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        section.report(codes.INVALID_MATCH, *path, problem=f"{pattern!r} is not a regular expression of RE2: {reason}")
        return False
    return True


def exclusive(section: Fields, *names: str) -> None:
    """Report if more than one of these fields is given."""
    given = [name for name in names if name in section]
    if len(given) > 1:
        section.report(codes.CONTRADICTION, given[1], key=True, problem=f"{given[1]} excludes {given[0]}")
