"""Plain scalars as the YAML reader of Kubernetes reads them.

kubectl and istioctl use sigs.k8s.io/yaml, a YAML 1.1 reader with exceptions: `yes`, `on` and `y` are booleans, but
dates and base-60 numbers (`1:30`) are strings and so is `=`. What it yields is turned into JSON, where 1.0 is 1.
"""

from __future__ import annotations

import re

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_WORDS: dict[str, bool | float | None] = {
    **_BOOLEANS,
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FIRST = frozenset("yYnNtTfFoO~+-.0123456789")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LIMIT = 2**64
_INTEGRAL = 1e21  # below this, JSON writes an integral float without exponent: it is an integer for any reader

Scalar = str | int | float | bool | None


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in "+-.0123456789" else text


def read_boolean(text: str) -> bool | None:
    """True or False if the text is one of YAML 1.1's words for it, else None."""
    return _BOOLEANS.get(text)


def _number(text: str) -> Scalar:
    digits = text if text[0] == "." else text.replace("_", "")
    if match := _INTEGER.match(digits):
        sign, hexadecimal, binary, octal, decimal = match.groups()
        base = 16 if hexadecimal else 2 if binary else 8 if octal else 10
        value = int(hexadecimal or binary or octal or decimal, base)
        if value < _LIMIT or base != 10:
            return -value if sign == "-" else value
    if not _FLOAT.match(digits):
        return text
    number = float(digits)
    return int(number) if number.is_integer() and abs(number) < _INTEGRAL else number
