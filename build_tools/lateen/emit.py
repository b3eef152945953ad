"""YAML for people, in a form that every YAML reader reads alike.

PyYAML and most others write `n`, `on` or `010` without quotes; Envoy's reader takes those for a boolean and a number.
Here a string is plain only if no reader can take it for anything else. Text of several lines stays readable (`|`) where
every reader gives the same bytes back. Machines get JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_LINES = re.compile(r"(?![ \t\n])[\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*(?<![ \t\n])\n?")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def to_yaml(value: Any) -> str:
    """A JSON value as block-style YAML, keys in their own order."""
    return "\n".join(_block(value, "")) + "\n"


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{_scalar(str(key))}:", item, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for item in value:
            yield from _item(item, indent)
    elif lines := _lines(value, indent):
        yield from lines
    else:
        yield indent + _scalar(value)


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, (Mapping, list, tuple)) and item:
        yield head
        yield from _block(item, indent if isinstance(item, (list, tuple)) else f"{indent}  ")
    elif lines := _lines(item, indent):
        yield f"{head} {lines[0].lstrip(' ')}"
        yield from lines[1:]
    else:
        yield f"{head} {_scalar(item)}"


def _item(item: Any, indent: str) -> Iterator[str]:
    lines = _block(item, f"{indent}  ")
    yield f"{indent}- {next(lines).lstrip(' ')}"
    yield from lines


def _lines(value: Any, indent: str) -> list[str]:
    """Text of several lines in literal style: its head at `indent`, its lines further in; nothing if it cannot be."""
    if not isinstance(value, str) or "\n" not in value[:-1] or not _LINES.fullmatch(value):
        return []
    head = f"{indent}|" if value.endswith("\n") else f"{indent}|-"
    return [head, *(f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
    if isinstance(value, float) and "e" in (text := repr(value)) and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes a number for a float only if it has a point
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, (list, tuple)) else json.dumps(value)
