"""Documents to resources: each held against the schema of its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lateen.api.faults import Faults
from lateen.api.kinds import Kind, is_strict, kinds, versions
from lateen.api.nearest import suggestion
from lateen.api.resource import Resource
from lateen.api.shape import Shape
from lateen.api.walk import REJECTED, compiled
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import api as codes
from lateen.source.document import Document

DEFAULT_NAMESPACE = "default"


def check(documents: Iterable[Document], strict: bool = True) -> tuple[tuple[Resource, ...], tuple[Diagnostic, ...]]:
    """The resources of these documents, in their order, and everything that is wrong with them.

    A resource satisfies the types, enums and required fields of its schema, and holds the schema's defaults; what does
    not is left out and reported. Kinds that nobody reads are counted. With `strict=False` unknown fields are warnings;
    they are left out either way.
    """
    checker = _Checker(strict)
    for document in documents:
        checker.add(document)
    return tuple(checker.resources.values()), tuple(checker.findings())


@dataclass(slots=True)
class _Unused:
    origin: Origin
    hint: str
    count: int = 0


@dataclass(slots=True)
class _Checker:
    strict: bool
    resources: dict[tuple[str, str, str, str], Resource] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    unused: dict[tuple[str, str], _Unused] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        kind = self._kind(document)
        resource = self._resource(document, kind) if kind else None
        if resource is None:
            return
        key = (resource.group, resource.kind, resource.namespace, resource.name)
        first = self.resources.setdefault(key, resource)
        if first is not resource:
            at = first.origin("metadata", "name")
            code = codes.DUPLICATE_RESOURCE
            origin = resource.origin("metadata", "name")
            self.found.append(code.at(origin, related=(at,), resource=resource.title, first=at))

    def findings(self) -> Iterator[Diagnostic]:
        yield from self.found
        for (api_version, kind), seen in self.unused.items():
            code = codes.UNUSED_KIND
            yield code.at(seen.origin, hint=seen.hint, count=seen.count, kind=kind, api_version=api_version)

    def _kind(self, document: Document) -> Kind | None:
        """The kind of a document; None, and a finding, for one that is not read."""
        data = document.data
        faults = Faults(document, "", _ANY, strict=self.strict)
        if not isinstance(data, dict):
            self.found.append(codes.NOT_A_RESOURCE.at(document.origin(), given=faults.describe(data)))
            return None
        names: list[str] = []
        for name in ("apiVersion", "kind"):
            value = data.get(name)
            if value is None or value == "":
                faults.add(codes.MISSING_KIND, (), field=name)
            elif not isinstance(value, str):
                faults.wrong_type((name,), Shape("string"), value)
            else:
                names.append(value)
        self.found += faults.found
        return None if faults.found else self._find(document, *names)

    def _find(self, document: Document, api_version: str, name: str) -> Kind | None:
        group, _, version = api_version.rpartition("/")
        kind = kinds().get((group, version, name))
        if kind is not None:
            return kind
        if served := versions(group, name):
            code, hint = codes.UNKNOWN_VERSION, f"served versions: {', '.join(served)}"
            origin = document.origin(("apiVersion",))
            self.found.append(code.at(origin, hint=hint, kind=name, group=group or "core", version=version))
        elif is_strict(group):
            code, hint = codes.UNKNOWN_KIND, _kind_hint(group, name)
            self.found.append(code.at(document.origin(("kind",)), hint=hint, group=group, kind=name))
        else:
            hint = suggestion(name, (n for g, _, n in kinds() if g == group))
            seen = self.unused.setdefault((api_version, name), _Unused(document.origin(("kind",)), hint))
            seen.count += 1
        return None

    def _resource(self, document: Document, kind: Kind) -> Resource | None:
        given = document.data.get("metadata") or {}
        metadata = given if isinstance(given, dict) else {}
        name = metadata.get("name") or ""
        namespace = (metadata.get("namespace") or DEFAULT_NAMESPACE) if kind.namespaced else ""
        title = f"{kind.name} {namespace}/{name}" if namespace else f"{kind.name} {name}"
        faults = Faults(document, title, kind.shape, strict=self.strict, secret=kind.name == "Secret")
        body = compiled(kind.shape)(document.data, (), faults)
        if name == "" and isinstance(given, dict):
            faults.add(codes.MISSING_NAME, ("metadata",), key=True, kind=kind.name)
        self.found += faults.found
        if body is REJECTED or not isinstance(name, str) or not isinstance(namespace, str) or not name:
            return None
        kept = document if body is document.data else replace(document, data=body)
        return Resource(kind.group, kind.version, kind.name, name, namespace, kept, body)


_ANY = Shape("any")


def _kind_hint(group: str, name: str) -> str:
    """The nearest kind of the group, or the group that has a kind of that name."""
    elsewhere = sorted({f"{g}/{versions(g, n)[0]}" for g, _, n in kinds() if n == name})
    if elsewhere:
        return f"{name} is a kind of {' and '.join(elsewhere)}"
    own: set[Any] = {n for g, _, n in kinds() if g == group}
    return suggestion(name, own) or (f"kinds of {group}: {', '.join(sorted(own))}" if own else "")
