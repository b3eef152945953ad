"""Field rules (protoc-gen-validate) as functions over converted values.

Every kind of rule that occurs in Envoy's API is here. The reference is the C++ that protoc-gen-validate generates,
which Envoy runs: lengths count code points, patterns are RE2 and match anywhere in the text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

Rule = Callable[[Any], str]
"""What is wrong with a value, empty if nothing is."""

_COMPARISONS = {
    "lt": (operator.lt, "less than"),
    "lte": (operator.le, "at most"),
    "gt": (operator.gt, "greater than"),
    "gte": (operator.ge, "at least"),
}
_LENGTHS = {
    "len": (operator.eq, "exactly"),
    "min_len": (operator.ge, "at least"),
    "max_len": (operator.le, "at most"),
    "max_bytes": (operator.le, "at most"),
}
_HEADER_NAME = re.compile(r":?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+\Z")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0A-\x1F\x7F]*\Z")
_HEADER_LOOSE = re.compile(r"[^\x00\x0A\x0D]*\Z")


def value_rules(rules: Any) -> tuple[Rule, ...]:
    """The rules on one value (a scalar, an enum's number, a duration in nanoseconds) of a `validate.FieldRules`."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return ()
    body = getattr(rules, kind)
    found = tuple(rule for field, given in body.ListFields() if (rule := _rule(kind, field.name, given, body)))
    return tuple(_unless_empty(rule) for rule in found) if getattr(body, "ignore_empty", False) else found


def enum_rules(rules: Any, values: Sequence[int]) -> tuple[Rule, ...]:
    """The rules of an enum whose defined numbers are `values`."""
    found = value_rules(rules)
    if not rules.enum.defined_only:
        return found
    return (*found, _holds(frozenset(values).__contains__, "must be one of the defined values"))


def required(rules: Any) -> bool:
    """Whether a field of message type must be set."""
    kind = rules.WhichOneof("type")
    return bool(rules.message.required or (kind in ("any", "duration", "timestamp") and getattr(rules, kind).required))


def length_rules(rules: Any) -> tuple[Rule, ...]:
    """The rules on a list or map as a whole; the value is the list of its items."""
    kind = rules.WhichOneof("type")
    if kind not in ("repeated", "map"):
        return ()
    return tuple(rule for field, given in getattr(rules, kind).ListFields() if (rule := _length(field.name, given)))


def _length(name: str, given: Any) -> Rule | None:
    if name in ("min_items", "min_pairs"):
        return _holds(lambda items: len(items) >= given, f"must have at least {_count(given, 'item')}")
    if name in ("max_items", "max_pairs"):
        return _holds(lambda items: len(items) <= given, f"must have at most {_count(given, 'item')}")
    if name == "unique" and given:
        return _holds(lambda items: all(item not in items[:n] for n, item in enumerate(items)), "must not repeat items")
    return None


def _rule(kind: str, name: str, given: Any, body: Any) -> Rule | None:
    if name in _COMPARISONS:
        holds, text = _COMPARISONS[name]
        bound, shown, subject = given, f"{given:g}" if isinstance(given, float) else str(given), "value"
        if kind == "duration":
            bound, subject = given.seconds * 10**9 + given.nanos, "duration"
            shown = f"{bound / 10**9:g}s"
        return _holds(lambda value: holds(value, bound), f"{subject} must be {text} {shown}")
    if name == "const":
        return _holds(lambda value: value == given, f"must be {str(given).lower()}")
    if name == "in":
        allowed = frozenset(given)
        return _holds(allowed.__contains__, f"must be one of {', '.join(str(item) for item in given)}")
    if name == "not_in":
        refused = frozenset(given)
        return _holds(lambda value: value not in refused, f"must not be {', '.join(str(item) for item in given)}")
    return _text_rule(name, given, body)


def _text_rule(name: str, given: Any, body: Any) -> Rule | None:
    if name == "pattern":
        return _pattern(given)
    if name == "well_known_regex":
        return _header(given, body.strict)
    if name in ("prefix", "suffix"):
        test = str.startswith if name == "prefix" else str.endswith
        return _holds(lambda value: test(value, given), f"must {'begin' if name == 'prefix' else 'end'} with {given!r}")
    if name not in _LENGTHS:
        return None
    unit = "byte" if name == "max_bytes" or body.DESCRIPTOR.name == "BytesRules" else "character"
    size: Callable[[Any], int] = (lambda value: len(value.encode())) if name == "max_bytes" else len
    holds, text = _LENGTHS[name]
    empty = name == "min_len" and given == 1
    problem = "must not be empty" if empty else f"must be {text} {_count(given, unit)} long"
    return _holds(lambda value: holds(size(value), given), problem)


def _pattern(expression: str) -> Rule:
    import re2  # noqa: PLC0415 - few fields have a pattern, and the library takes 10 ms to load

    compiled = re2.compile(expression)
    return _holds(lambda value: compiled.search(value) is not None, f"must match {expression}")


def _header(well_known: int, strict: bool) -> Rule | None:
    if not strict:
        return _holds(_HEADER_LOOSE.match, "must not contain NUL, line feed or carriage return")
    if well_known == 1:
        return _holds(_HEADER_NAME.match, "must be an HTTP header name")
    return _holds(_HEADER_VALUE.match, "must be an HTTP header value")


def _holds(test: Callable[[Any], object], problem: str) -> Rule:
    return lambda value: "" if test(value) else problem


def _unless_empty(rule: Rule) -> Rule:
    return lambda value: rule(value) if value else ""


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
