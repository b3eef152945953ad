"""What an input value may look like: the facts that a CustomResourceDefinition states, in a compact form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One schema node.

    `type` is object, array, string, integer, number, boolean, int-or-string or any (whatever stands there passes).
    An object has `fields`, or `values` (a map with keys of the user's, of the format `keys`), or is `open` (unknown
    fields pass).
    `min_size` and `max_size` bound the length of a string, list or map. `exclusive` lists groups of fields of which
    at most one may be given. `unique` names the fields that identify an item of a list; empty: the item itself.
    `nullable` matters in lists and maps only: a field that is null is a field that is not given.
    `rules` are CEL expressions with their messages.
    """

    type: str
    fields: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    values: Shape | None = None
    keys: str = ""
    open: bool = False
    items: Shape | None = None
    unique: tuple[str, ...] | None = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_size: int = 0
    max_size: int | None = None
    pattern: str = ""
    format: str = ""
    default: Any = None
    nullable: bool = False
    rules: tuple[tuple[str, str], ...] = ()

    def at(self, *path: str) -> Shape:
        """The shape of a field further in; `[]` steps into a list, `{}` into a map. Raises KeyError."""
        shape = self
        for step in path:
            inner = shape.items if step == "[]" else shape.values if step == "{}" else shape.fields[step]
            if inner is None:
                raise KeyError(step)
            shape = inner
        return shape

    def paths(self, name: str, prefix: str = "", depth: int = 8) -> Iterator[str]:
        """Where a field of that name is known below this shape (`spec.http[].timeout`), nearest first per branch."""
        if not depth:
            return
        if name in self.fields:
            yield f"{prefix}{name}"
        for key, inner in self.fields.items():
            yield from inner.paths(name, f"{prefix}{key}.", depth - 1)
        if self.items:
            yield from self.items.paths(name, f"{prefix[:-1]}[].", depth - 1)


def from_facts(facts: list[dict[str, Any]]) -> list[Shape]:
    """The shapes of a generated file; a fact refers to earlier ones by number."""
    shapes: list[Shape] = []
    for fact in facts:
        given = dict(fact)
        if "fields" in given:
            given["fields"] = {name: shapes[number] for name, number in given["fields"].items()}
        for inner in ("items", "values"):
            if inner in given:
                given[inner] = shapes[given[inner]]
        for many in ("required", "unique", "enum"):
            if many in given:
                given[many] = tuple(given[many])
        for pairs in ("exclusive", "rules"):
            if pairs in given:
                given[pairs] = tuple(tuple(pair) for pair in given[pairs])
        shapes.append(Shape(**given))
    return shapes


STRING = Shape("string")
INTEGER = Shape("integer")
NUMBER = Shape("number")
BOOLEAN = Shape("boolean")
INT_OR_STRING = Shape("int-or-string")
ANYTHING = Shape("any")
PORT = Shape("integer", minimum=1, maximum=65535)
DNS_LABEL = Shape("string", format="dns-label")
DNS_SUBDOMAIN = Shape("string", format="dns-subdomain")
RELATIVE_PATH = Shape("string", format="relative-path")
STRINGS = Shape("array", items=STRING)
STRING_MAP = Shape("object", values=STRING)


def record(required: str = "", /, **fields: Shape) -> Shape:
    """An object with just these fields; `required` names those that must be given, separated by spaces."""
    return Shape("object", fields=fields, required=tuple(required.split()))


def partial(required: str = "", /, **fields: Shape) -> Shape:
    """An object of which these fields are read; others pass as they are."""
    return Shape("object", fields=fields, required=tuple(required.split()), open=True)


def array(items: Shape) -> Shape:
    """A list."""
    return Shape("array", items=items)


def map_of(values: Shape, keys: str = "") -> Shape:
    """A mapping with keys of the user's, of a format if one is given."""
    return Shape("object", values=values, keys=keys)


def choice(*values: str) -> Shape:
    """One of these strings."""
    return Shape("string", enum=values)
