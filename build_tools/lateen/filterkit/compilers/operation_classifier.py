"""`operation_classifier`: OpenAPI documents and lists of operations become one table of path templates."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lateen.filterkit.compilers.openapi import (
    MAX_OPERATIONS,
    Described,
    Document,
    DocumentError,
    Path,
    check_document,
    read_document,
)
from lateen.filterkit.compilers.path_trie import MAX_VISITS, PathTrie, TemplateError
from lateen.filterkit.configuration import Configuration, Files, Problem

GRPC = "application/grpc"
"""Stands in the table in place of a method: no request can have it, since a method has no slash."""

MAX_NAME_BYTES = 200

_UNKNOWN = "unknown"
_MAX_BODY = 65_536


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an operation was described: in the configuration, or in a file that it names."""

    path: Path
    file: str = ""
    file_path: Path = ()

    def problem(self, kind: str, message: str, within: Path | None = None) -> Problem:
        """A problem here; `within` leads to its place in the document."""
        if within is None:
            return Problem(kind, message, self.path, self.file, self.file_path)
        if self.file:
            return Problem(kind, message, self.path, self.file, within)
        return Problem(kind, message, (*self.path, *within))


@dataclass(slots=True)
class _Table:
    trie: PathTrie
    count: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, method: str, template: str, name: str, place: _Place) -> None:
        """Add an operation, if there is room; what is wrong with it goes to `problems`."""
        if self.count > MAX_OPERATIONS:
            return
        if not _fit(name):
            message = f"the name {name[:60]!r} has more than {MAX_NAME_BYTES} bytes or control characters"
            self.problems.append(place.problem("limit", message))
            return
        try:
            first = self.trie.add(method, template, name, place)
        except TemplateError as error:
            self.problems.append(place.problem("document", f"path {template!r}: {error}"))
            return
        self.count += first is None
        if first is not None:
            message = f"{method} {template} is matched by the same paths as the operation {first.name!r}"
            self.problems.append(place.problem("ambiguous", message))

    def finish(self) -> None:
        """Hold the whole against the limits."""
        if self.count > MAX_OPERATIONS:
            message = f"there are more than {MAX_OPERATIONS} operations"
            self.problems.append(Problem("limit", message))
        if (visits := self.trie.visits()) > MAX_VISITS:
            message = f"one path can be held against {visits} templates, {MAX_VISITS} are the limit"
            self.problems.append(Problem("ambiguous", message))


def named_files(config: dict[str, Any]) -> list[str]:
    """The OpenAPI documents that are files."""
    return list(dict.fromkeys(section["file"] for _, section in _sections(config) if "file" in section))


def compile_configuration(config: dict[str, Any], files: Files) -> Configuration:
    """The configuration that the module reads: the table, and what it needs to tell gRPC and GraphQL."""
    ignore_case = config.get("case") == "insensitive"
    strict = config.get("trailing_slash") == "strict"
    table = _Table(PathTrie(strict, ignore_case))
    for path, section in _sections(config):
        _add_document(table, section, path, files)
    for i, operation in enumerate(config.get("operations", ())):
        place = _Place(("operations", i))
        table.add(operation["method"], operation["path"], operation["name"], place)
    for service, methods in config.get("grpc", {}).get("methods", {}).items():
        for i, method in enumerate(methods):
            place = _Place(("grpc", "methods", service, i))
            table.add(GRPC, f"/{service}/{method}", f"{service}/{method}", place)
    table.finish()
    value: dict[str, Any] = {
        "version": 1,
        "table": base64.b64encode(table.trie.encode()).decode(),
        "unknown": config.get("unknown", _UNKNOWN),
        "strict": strict,
        "ignore_case": ignore_case,
    }
    if "grpc" in config:
        value["grpc"] = {"limit": config["grpc"].get("limit", 0)}
    if "graphql" in config:
        value["graphql"] = _graphql(config["graphql"])
    return Configuration(value, tuple(table.problems))


def _graphql(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "paths": [given["path"]] if "path" in given else given["paths"],
        "max_body": given.get("max_body", _MAX_BODY),
        "operations": sorted(given.get("operations", ())),
        "persisted": {digest.lower(): name for digest, name in sorted(given.get("persisted", {}).items())},
        "limit": given.get("limit", 0),
    }


def _sections(config: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    given = config.get("openapi", ())
    if isinstance(given, dict):
        yield ("openapi",), given
    else:
        yield from ((("openapi", i), section) for i, section in enumerate(given))


def _add_document(table: _Table, section: dict[str, Any], path: Path, files: Files) -> None:
    """Add the operations of one document under the names that its section asks for."""
    file = section.get("file", "")
    place = _Place((*path, "file" if file else "document"), file)
    try:
        document = _document(section, files)
    except OSError as error:
        table.problems.append(Problem("unreadable", str(error), place.path))
        return
    except DocumentError as error:
        table.problems.append(place.problem("document", str(error), error.path))
        return
    before = table.count
    named: dict[str, Described] = {}
    for described in document.operations():
        at = _at(place, described.path)
        if described.operation_id and named.setdefault(described.operation_id, described) is not described:
            message = f"operationId {described.operation_id!r} is that of another operation too"
            table.problems.append(at.problem("ambiguous", message))
            continue
        name = section.get("prefix", "") + _name(described, section)
        for base in [section["base_path"].rstrip("/")] if "base_path" in section else described.bases:
            table.add(described.method, base + described.template, name, at)
    table.problems += [place.problem("document", str(error), error.path) for error in document.problems]
    if table.count == before and not table.problems:
        table.problems.append(place.problem("document", "it has no operations", ()))


def _at(place: _Place, within: Path) -> _Place:
    return _Place(place.path, place.file, within) if place.file else _Place((*place.path, *within))


def _document(section: dict[str, Any], files: Files) -> Document:
    """Raises OSError if there is no such file, DocumentError if it is no OpenAPI document."""
    if "document" in section:
        return check_document(section["document"])
    text = files.get(section["file"])
    if text is None:
        raise FileNotFoundError(f"the file {section['file']!r} cannot be read")
    return read_document(text)


def _name(described: Described, section: dict[str, Any]) -> str:
    if described.operation_id and section.get("names") != "template":
        return described.operation_id
    return f"{described.method} {described.template}"


def _fit(name: str) -> bool:
    return name.isprintable() and 0 < len(name.encode()) <= MAX_NAME_BYTES
