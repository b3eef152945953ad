"""Holds a value against a shape: reports every fault at its place, and hands back what is right.

Each shape is compiled once to a closure. What a check returns satisfies the types, enums and required fields of its
shape: unknown fields are gone, a field that is null is gone, defaults are filled in, and an object that lacks a
required field is gone as a whole. A value out of bounds or without the required form is reported and kept.
Values are copied where they change; a faultless input is handed back as it is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from lateen.api.faults import Faults
from lateen.api.nearest import suggestion
from lateen.api.shape import Shape
from lateen.diagnostics.codes import api as codes
from lateen.source.document import LocatedList, LocatedMap, Path

Check = Callable[[Any, Path, Faults], Any]

REJECTED = object()
"""What a check returns for a value that must not be used."""

_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)
_FILE_NAME = re.compile(r"[-._a-zA-Z0-9]+", re.ASCII)
_DOLLAR = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.|\$")


@cache
def compiled(shape: Shape) -> Check:
    """The check for a shape."""
    match shape.type:
        case "object":
            return _object(shape)
        case "array":
            return _array(shape)
        case "string":
            return _string(shape)
        case "boolean":
            return _boolean(shape)
        case "any":
            return lambda value, _path, _faults: value
        case _:
            return _number(shape)


def _object(shape: Shape) -> Check:
    fields = {name: compiled(inner) for name, inner in shape.fields.items()}
    values = compiled(shape.values) if shape.values else None
    null_values = shape.values is not None and shape.values.nullable
    defaults = {name: inner.default for name, inner in shape.fields.items() if inner.default is not None}
    extra = _object_rules(shape)

    def check(value: Any, path: Path, faults: Faults) -> Any:
        if not isinstance(value, dict):
            faults.wrong_type(path, shape, value)
            return REJECTED
        clean = value
        for key, item in value.items():
            at = (*path, key)
            if shape.keys and not _FORMATS[shape.keys](key):
                faults.add(codes.WRONG_FORM, at, key=True, given=faults.show(key), form=shape.keys)
            inner = fields.get(key) or values
            kept: Any
            if inner is None:
                kept = item if shape.open else REJECTED
                if kept is REJECTED:
                    faults.unknown_field(at, shape)
            elif item is None:
                kept = inner(item, at, faults) if values and not null_values else item if values else REJECTED
            else:
                kept = inner(item, at, faults)
            if kept is not item:
                clean = clean.copy() if clean is value else clean
                if kept is REJECTED:
                    del clean[key]
                else:
                    clean[key] = kept
        if missing := defaults.keys() - clean.keys():
            clean = clean.copy() if clean is value else clean
            clean.update({name: defaults[name] for name in sorted(missing)})
        return extra(value, clean, path, faults) if extra else clean

    return check


def _object_rules(shape: Shape) -> Callable[[Any, Any, Path, Faults], Any] | None:
    """Size, exclusive and required fields; None for a shape that has no such rule."""
    if not (shape.required or shape.exclusive or shape.min_size or shape.max_size is not None):
        return None

    def check(value: Any, clean: Any, path: Path, faults: Faults) -> Any:
        _check_size(shape, len(value), "entries", path, faults)
        for group in shape.exclusive:
            given = [name for name in value if name in group and value[name] is not None]
            if len(given) > 1:
                names = " and ".join(f"`{name}`" for name in given)
                code = codes.EXCLUSIVE_FIELDS
                faults.repeated(code, (*path, given[1]), (*path, given[0]), field=path, given=names)
        for name in shape.required:
            if value.get(name) is None and name not in clean:
                faults.missing(path, name, null=name in value)
        return clean if all(name in clean for name in shape.required) else REJECTED

    return check


def _array(shape: Shape) -> Check:
    if shape.items is None:
        raise ValueError("a list shape needs the shape of its items")
    items, nullable = compiled(shape.items), shape.items.nullable

    def check(value: Any, path: Path, faults: Faults) -> Any:
        if not isinstance(value, list):
            faults.wrong_type(path, shape, value)
            return REJECTED
        kept = [
            items(item, (*path, index), faults) if item is not None or not nullable else None
            for index, item in enumerate(value)
        ]
        _check_size(shape, len(value), "items", path, faults)
        if shape.unique is not None:
            _check_unique(shape.unique, kept, path, faults)
        if all(new is old for new, old in zip(kept, value, strict=True)):
            return value
        return _list_without(value, kept)

    return check


def _list_without(value: list[Any], kept: list[Any]) -> list[Any]:
    """The list of what is kept, each item with its old place."""
    if not isinstance(value, LocatedList):
        return [item for item in kept if item is not REJECTED]
    clean = LocatedList(value.line, value.column)
    for item, mark in zip(kept, value.marks, strict=True):
        if item is not REJECTED:
            clean.append(item)
            clean.marks.append(mark)
    return clean


def _check_unique(keys: tuple[str, ...], items: list[Any], path: Path, faults: Faults) -> None:
    seen: dict[Any, int] = {}
    for index, item in enumerate(items):
        if item is REJECTED:
            continue
        identity = tuple(item.get(key) for key in keys) if keys and isinstance(item, dict) else item
        if isinstance(identity, (dict, list)):
            continue
        first = seen.setdefault(identity, index)
        if first != index:
            text = ", ".join(str(part) for part in identity) if isinstance(identity, tuple) else str(identity)
            given = f"{', '.join(keys)} `{text}`" if keys else f"`{text}`"
            faults.repeated(codes.DUPLICATE_ITEM, (*path, index), (*path, first), field=path, given=given)


def _string(shape: Shape) -> Check:
    pattern = re.compile(_as_python(shape.pattern)) if shape.pattern else None
    enum = frozenset(shape.enum)
    sized = shape.min_size > 0 or shape.max_size is not None
    plain = not (pattern or enum or sized or shape.format)

    def check(value: Any, path: Path, faults: Faults) -> Any:
        if type(value) is not str:
            faults.wrong_type(path, shape, value)
            return REJECTED
        if plain:
            return value
        if enum and value not in enum:
            hint = suggestion(value, shape.enum)
            faults.add(codes.NOT_IN_ENUM, path, hint=hint, given=faults.show(value), allowed=", ".join(shape.enum))
            return REJECTED
        if sized:
            _check_size(shape, len(value), "characters", path, faults)
        if pattern and not pattern.search(value):
            faults.add(codes.WRONG_FORM, path, given=faults.show(value), form=shape.pattern)
        if shape.format and not _FORMATS.get(shape.format, _always)(value):
            faults.add(codes.WRONG_FORM, path, given=faults.show(value), form=shape.format)
        return value

    return check


def _boolean(shape: Shape) -> Check:
    def check(value: Any, path: Path, faults: Faults) -> Any:
        if value is True or value is False:
            return value
        faults.wrong_type(path, shape, value)
        return REJECTED

    return check


def _number(shape: Shape) -> Check:
    least, most = _INTEGERS.get(shape.format, (None, None))
    low = least if shape.minimum is None else shape.minimum
    high = most if shape.maximum is None else shape.maximum
    bounds = _bounds(low, high)
    integral = shape.type != "number"

    def check(value: Any, path: Path, faults: Faults) -> Any:
        if type(value) is str and shape.type == "int-or-string":
            return value
        if type(value) is not int and not (type(value) is float and (not integral or value.is_integer())):
            faults.wrong_type(path, shape, value)
            return REJECTED
        if (low is not None and value < low) or (high is not None and value > high):
            faults.add(codes.OUT_OF_BOUNDS, path, given=faults.show(value), bounds=bounds)
        return int(value) if integral and type(value) is float else value

    return check


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}" if high < 1e6 else f"at least {low:g} and at most {high:.0f}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}" if high is not None else ""


def _check_size(shape: Shape, size: int, unit: str, path: Path, faults: Faults) -> None:
    if size < shape.min_size or (shape.max_size is not None and size > shape.max_size):
        low, high = shape.min_size or None, shape.max_size
        faults.add(codes.WRONG_SIZE, path, given=f"{size} {unit}", bounds=_bounds(low, high))


def _as_python(pattern: str) -> str:
    """A Go pattern for Python's `re`: `$` is the end of the text there, not also the place before a last newline."""
    return _DOLLAR.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


def _always(_value: str) -> bool:
    return True


def _is_base64(value: str) -> bool:
    compact = re.sub(r"\s", "", value)
    return len(compact) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", compact) is not None


def _is_duration(value: str) -> bool:
    return re.fullmatch(r"[-+]?(?:0|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+", value) is not None


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_dns_subdomain(text: str) -> bool:
    return len(text) <= 253 and all(_DNS_LABEL.fullmatch(label) for label in text.split("."))


def _is_dns_label(text: str) -> bool:
    return len(text) <= 63 and _DNS_LABEL.fullmatch(text) is not None


def _is_relative_path(text: str) -> bool:
    """Whether it stays below where it begins; names become paths, so this is not only a matter of taste."""
    return not text.startswith("/") and ".." not in text.split("/")


def _is_file_name(text: str) -> bool:
    """Whether it may be a key of a ConfigMap or Secret, each of which may become a file."""
    return len(text) <= 253 and _FILE_NAME.fullmatch(text) is not None and text != "." and not text.startswith("..")


_FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": _is_base64,
    "dns-label": _is_dns_label,
    "dns-subdomain": _is_dns_subdomain,
    "duration": _is_duration,
    "file-name": _is_file_name,
    "ip": _is_address,
    "relative-path": _is_relative_path,
}


def as_located(value: Any) -> Any:
    """A plain mapping or list as a located one without places, so that one check serves both."""
    if isinstance(value, LocatedMap | LocatedList) or not isinstance(value, dict | list | tuple):
        return value
    if isinstance(value, dict):
        located = LocatedMap(0, 0)
        located.update({str(key): as_located(item) for key, item in value.items()})
        return located
    items = LocatedList(0, 0)
    items.extend(as_located(item) for item in value)
    items.marks = [(0, 0)] * len(items)
    return items
