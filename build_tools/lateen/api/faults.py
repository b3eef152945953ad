"""Where a check reports to: faults of one document, each at the place of its field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lateen.api.nearest import suggestion
from lateen.api.shape import Shape
from lateen.diagnostics import Code, Diagnostic, Origin, Severity
from lateen.diagnostics.codes import api as codes
from lateen.source.document import Document, Path, field_path
from lateen.source.scalars import read_plain

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "int-or-string": "an integer or a string",
}
_LONG = 60


class Faults:
    """Collects the findings of one document.

    With `secret`, no value of the document gets into a message. Without `strict`, unknown fields are warnings.
    """

    def __init__(self, document: Document, resource: str, shape: Shape, *, strict: bool, secret: bool = False) -> None:
        self.found: list[Diagnostic] = []
        self._document, self._resource, self._shape = document, resource, shape
        self._strict, self._secret = strict, secret

    def add(self, code: Code, path: Path, *, key: bool = False, hint: str = "", **args: Any) -> None:
        """A finding about the value at `path`, or about its key. A message's `field` is the path itself."""
        if "field" in code.fields:
            args.setdefault("field", field_path(path) or "the document")
        self.found.append(code.at(self._origin(path, key=key), hint=hint, **args))

    def wrong_type(self, path: Path, shape: Shape, value: Any) -> None:
        """The value is not of the shape's type."""
        hint = ""
        if shape.type == "string" and isinstance(value, (bool, int, float)) and not self._secret:
            hint = f'quote it: "{self.show(value).strip("`")}"'
        elif isinstance(value, str) and _reads_as(shape.type, value):
            hint = "write it without quotes"
        self.add(codes.WRONG_TYPE, path, hint=hint, expected=_TYPES[shape.type], given=self.describe(value))

    def unknown_field(self, path: Path, shape: Shape) -> None:
        """The last step of `path` is no field of `shape`."""
        name = str(path[-1])
        hint = suggestion(name, shape.fields)
        if not hint and (elsewhere := next(iter(sorted(self._shape.paths(name), key=len)), "")):
            hint = f"{name} is a field of {elsewhere.removesuffix(name).strip('.') or 'the document'}"
        if not hint and len(shape.fields) <= 12:
            hint = f"known fields: {', '.join(sorted(shape.fields))}"
        severity = Severity.ERROR if self._strict else Severity.WARNING
        origin = self._origin(path, key=True)
        self.found.append(codes.UNKNOWN_FIELD.at(origin, hint=hint, severity=severity, field=field_path(path)))

    def missing(self, path: Path, name: str, *, null: bool) -> None:
        """The mapping at `path` lacks a required field, or it is null; shown is its key, else that of the mapping."""
        at = (*path, name) if null else path
        origin = replace(self._origin(at, key=True), field_path=field_path((*path, name)))
        self.found.append(codes.MISSING_FIELD.at(origin, field=origin.field_path))

    def repeated(self, code: Code, path: Path, first: Path, *, field: Path, given: str) -> None:
        """`path` clashes with `first`, both in the mapping or list at `field`."""
        name = field_path(field) or "the document"
        origin, related = self._origin(path, key=True), self._origin(first, key=True)
        self.found.append(code.at(origin, related=(related,), field=name, given=given))

    def show(self, value: Any) -> str:
        """A scalar as YAML writes it, shortened; never one of a Secret."""
        if self._secret:
            return "`[redacted]`"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"`{text if len(text) <= _LONG else text[:_LONG] + '...'}`"

    def describe(self, value: Any) -> str:
        """A value of the wrong type in words."""
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        if value is None:
            return "null"
        word = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        return f"the {word} {self.show(value)}"

    def _origin(self, path: Path, *, key: bool) -> Origin:
        return self._document.origin(path, key=key, resource=self._resource)


def _reads_as(kind: str, text: str) -> bool:
    """Whether the text without quotes would have the type."""
    value = read_plain(text)
    return isinstance(value, bool) if kind == "boolean" else kind in ("integer", "number") and type(value) is int
