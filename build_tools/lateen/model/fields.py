"""Reading a document field by field, so that what nobody reads is reported instead of silently dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lateen.api.faults import Faults
from lateen.api.resource import Resource
from lateen.api.shape import Shape
from lateen.api.walk import REJECTED, compiled
from lateen.diagnostics import Code, Diagnostic, Origin
from lateen.diagnostics.codes import model as codes
from lateen.model.durations import parse_duration
from lateen.model.identity import Ref, Selector
from lateen.source.document import Path, field_path
from lateen.source.embedded import embedded


class Fields:
    """A mapping inside a resource. Each accessor marks its field as read; `report_unread` names the others.

    Accessors return None (or the empty value of their type) for an absent field. The input schema has already
    dropped values of a wrong type. A section that is absent is false, one that is given but empty is true.
    """

    __slots__ = ("_children", "_data", "_findings", "_path", "_read", "resource")

    def __init__(self, resource: Resource, findings: list[Diagnostic], data: Any, path: Path = ()) -> None:
        self.resource = resource
        self._findings = findings
        self._data: dict[str, Any] | None = data if isinstance(data, dict) else None
        self._path = path
        self._read: set[str] = set()
        self._children: dict[Path, Fields] = {}

    def __bool__(self) -> bool:
        return self._data is not None

    def __contains__(self, name: str) -> bool:
        """Whether the field is given (not null). Does not count as reading it."""
        return self._data is not None and self._data.get(name) is not None

    def wrote(self, name: str) -> bool:
        """Whether the user's document says something under `name`, be it something that the schema has dropped.

        What the schema reports and drops must not be reported a second time as missing.
        """
        node: Any = self.resource.document.data
        for step in (*self._path, name):
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return False
        return bool(node)

    @property
    def depth(self) -> int:
        """How many steps below the resource this section stands."""
        return len(self._path)

    @property
    def path(self) -> str:
        """The field path of this section, as origins show it (`spec.http[0]`)."""
        return field_path(self._path)

    @property
    def ref(self) -> Ref:
        """The resource as the source of a model value, at the place of its name."""
        resource = self.resource
        place = resource.origin("metadata", "name")
        return Ref(resource.kind, resource.namespace, resource.name, place, resource.document)

    # --- values

    def raw(self, name: str) -> Any:
        """The value as it stands, read as a whole."""
        if self._data is None:
            return None
        self._read.add(name)
        return self._data.get(name)

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers and booleans are written out."""
        value = self.raw(name)
        return default if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.raw(name)
        return int(value) if isinstance(value, int | float) else None

    def number(self, name: str) -> float | None:
        """A number."""
        value = self.raw(name)
        return float(value) if isinstance(value, int | float) else None

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        value = self.raw(name)
        return value if isinstance(value, bool) else None

    def duration(self, name: str, *, minimum: float = 0.0) -> float | None:
        """A duration in seconds; one that cannot be parsed or is too short is reported and absent."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.report(codes.INVALID_DURATION, name, problem=str(error))
            return None
        if seconds < minimum:
            problem = f"{value} is shorter than {minimum:g}s" if minimum else f"{value} is negative"
            self.report(codes.INVALID_DURATION, name, problem=problem)
            return None
        return seconds

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, empty if absent."""
        return self.texts_or_none(name) or ()

    def texts_or_none(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, None if absent."""
        value = self.raw(name)
        return tuple(str(v) for v in value) if isinstance(value, list) else None

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping as plain data, read as a whole; empty if absent."""
        value = self.raw(name)
        return dict(value) if isinstance(value, dict) else {}

    def labels(self, name: str) -> dict[str, str]:
        """A mapping of strings."""
        return {key: "" if value is None else str(value) for key, value in self.mapping(name).items()}

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """A mapping of strings as sorted pairs."""
        return tuple(sorted(self.labels(name).items()))

    def selector(self, name: str, key: str) -> Selector:
        """A workload selector: the labels under `name.key`."""
        return Selector(self.section(name).pairs(key))

    def attached(self) -> bool:
        """Whether `targetRef(s)` bind this to a Gateway or Service of the Gateway API instead of to workloads."""
        return "targetRef" in self or "targetRefs" in self

    # --- parts

    def section(self, name: str) -> Fields:
        """The mapping under `name`; false if absent."""
        return self._open(self.raw(name), (*self._path, name))

    def sections(self, name: str) -> tuple[Fields, ...]:
        """The mappings of the list under `name`."""
        value = self.raw(name)
        if not isinstance(value, list):
            return ()
        return tuple(self._open(item or {}, (*self._path, name, i)) for i, item in enumerate(value))

    def entries(self, name: str) -> tuple[tuple[str, Fields], ...]:
        """The mappings of the mapping under `name`, by key, sorted."""
        value = self.raw(name)
        items = sorted(value.items()) if isinstance(value, dict) else []
        return tuple((str(key), self._open(item or {}, (*self._path, name, key))) for key, item in items)

    def names(self) -> tuple[str, ...]:
        """The fields that are given, none of them read by this."""
        return tuple(name for name, value in (self._data or {}).items() if value is not None)

    def embedded(self, *path: str, shape: Shape) -> dict[str, Any]:
        """The mapping that the YAML text at `path` holds, held against `shape`; its faults are reported in there.

        A field that the shape does not know is a warning, as Istio drops it.
        """
        document, found = embedded(self.resource.document, (*self._path, *path))
        self._findings += found
        if document is None or document.data is None:
            return {}
        faults = Faults(document, self.resource.title, shape, strict=False)
        value = compiled(shape)(document.data, (), faults)
        self._findings += faults.found
        return {} if value is REJECTED else dict(value)

    def ignore(self, *names: str) -> None:
        """Count fields as read that rightly have no effect on a proxy."""
        self._read.update(names)

    def _open(self, data: Any, path: Path) -> Fields:
        if not isinstance(data, dict):
            return Fields(self.resource, self._findings, None, path)  # nothing in it can stay unread
        if path not in self._children:
            self._children[path] = Fields(self.resource, self._findings, data, path)
        return self._children[path]

    # --- findings

    def origin(self, *path: str | int, key: bool = False) -> Origin:
        """The place of a field below this section."""
        return self.resource.origin(*self._path, *path, key=key)

    def report(self, code: Code, /, *path: str | int, key: bool = False, hint: str = "", **args: Any) -> None:
        """Add a finding at a field below this section."""
        self._findings.append(code.at(self.origin(*path, key=key), hint=hint, **args))

    def report_unread(self) -> None:
        """Add a finding for each given field that no accessor has read, here and in every opened section."""
        for path in self.unread():
            origin = self.resource.origin(*path, key=True)
            self._findings.append(codes.FIELD_NOT_COMPILED.at(origin, field=field_path(path)))

    def settle(self) -> list[Path]:
        """The paths of given fields that were not read; from now on all count as read."""
        found = list(self.unread())
        self._read.update(self._data or ())
        self._children.clear()
        return found

    def unread(self) -> Iterator[Path]:
        """The paths of given fields that were not read."""
        for name, value in (self._data or {}).items():
            if name not in self._read and value is not None:
                yield (*self._path, name)
        for child in self._children.values():
            yield from child.unread()
