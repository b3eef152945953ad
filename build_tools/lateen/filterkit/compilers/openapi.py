"""The operations of an OpenAPI document: 2.0 (Swagger), 3.0, 3.1 and 3.2.

Sources: the OpenAPI Specification 3.0.4, 3.1.1 and 3.2.0 (paths, servers, path item and reference objects), and the
Swagger Specification 2.0.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import yaml

Path = tuple[str | int, ...]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
"""The fixed fields of a path item; `query` is there since 3.2 and an unknown field before, where nobody has it."""

_VERSION = re.compile(r"3\.[012]\.\d+(-.+)?")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_METHOD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110: a token
_MAX_SERVERS = 100
_MAX_ADDRESSES = 10_000
"""Of the servers, with every value of their variables."""

MAX_OPERATIONS = 50_000
"""One more than these is read of a document, however often it refers to the same ones."""


class _Loader(yaml.CSafeLoader):
    """The safe loader, which takes no key twice: of two paths one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key {key.value!r} stands there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put merged keys in place, each once: merges of merges would else grow by a power with each level."""
        super().flatten_mapping(node)
        node.value = list({(key.tag, str(key.value)): (key, value) for key, value in node.value}.values())


class DocumentError(ValueError):
    """Something in a document that cannot be understood; `path` leads to it."""

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as the document describes it: at each of `bases`, which begin with a slash and end with none."""

    method: str
    bases: tuple[str, ...]
    template: str
    operation_id: str
    path: Path


@dataclass(slots=True)
class Document:
    """A document that has been read. `problems` is filled by `operations`."""

    data: dict[str, Any]
    problems: list[DocumentError] = field(default_factory=list)
    _read: int = 0

    def operations(self) -> Iterator[Described]:
        """Every operation in the order of the document; what cannot be understood is in `problems` and left out."""
        try:
            base = self._bases(self.data, ("/",), ())
        except DocumentError as error:
            self.problems.append(error)
            return
        paths = self.data.get("paths", {})
        if not isinstance(paths, dict):
            self.problems.append(DocumentError("paths is not an object", ("paths",)))
            return
        for template, item in paths.items():
            if not str(template).startswith("x-"):
                yield from self._path_item(str(template), item, base, ("paths", template))

    def _path_item(self, template: str, item: Any, above: tuple[str, ...], path: Path) -> Iterator[Described]:
        try:
            if not template.startswith("/"):
                raise DocumentError(f"the path {template!r} does not begin with /", path)
            item, path = self._resolved(item, path)
            bases = self._bases(item, above, path)
        except DocumentError as error:
            self.problems.append(error)
            return
        for method, operation, place in itertools.islice(_methods(item, path), MAX_OPERATIONS + 1 - self._read):
            self._read += 1
            try:
                yield self._operation(method, template, operation, bases, place)
            except DocumentError as error:
                self.problems.append(error)

    def _operation(self, method: str, template: str, operation: Any, above: tuple[str, ...], path: Path) -> Described:
        if not _METHOD.fullmatch(method):
            raise DocumentError(f"{method!r} is no method", path)
        if not isinstance(operation, dict):
            raise DocumentError("an operation is an object", path)
        name = operation.get("operationId", "")
        if not isinstance(name, str):
            raise DocumentError("operationId is a string", (*path, "operationId"))
        return Described(method, self._bases(operation, above, path), template, name, path)

    def _bases(self, holder: dict[str, Any], above: tuple[str, ...], path: Path) -> tuple[str, ...]:
        """The base paths that `servers` (2.0: `basePath`) of this part give, or those of the part above."""
        if "swagger" in self.data:
            base = self.data.get("basePath", "/")
            if not isinstance(base, str) or not base.startswith("/"):
                raise DocumentError("basePath is a path that begins with /", ("basePath",))
            return (base.rstrip("/"),)
        servers = holder.get("servers")
        if not servers:
            return tuple(base.rstrip("/") for base in above)
        if not isinstance(servers, list):
            raise DocumentError("servers is a list", (*path, "servers"))
        found = (base for i, server in enumerate(servers) for base in _server(server, (*path, "servers", i)))
        addresses = list(itertools.islice(found, _MAX_ADDRESSES + 1))
        if len(addresses) > _MAX_ADDRESSES:
            raise DocumentError(f"servers have more than {_MAX_ADDRESSES} addresses", (*path, "servers"))
        bases = tuple(dict.fromkeys(addresses))
        if len(bases) > _MAX_SERVERS:
            raise DocumentError(f"servers have more than {_MAX_SERVERS} base paths", (*path, "servers"))
        return bases

    def _resolved(self, item: Any, path: Path) -> tuple[dict[str, Any], Path]:
        """A path item with its `$ref` followed; fields beside the reference stand above those that it leads to."""
        seen: set[str] = set()
        beside: dict[str, Any] = {}
        while isinstance(item, dict) and "$ref" in item:
            reference = item["$ref"]
            if not isinstance(reference, str) or not reference.startswith("#"):
                raise DocumentError(f"$ref {reference!r} leads out of the document", (*path, "$ref"))
            if reference in seen:
                raise DocumentError(f"$ref {reference!r} leads back to itself", (*path, "$ref"))
            seen.add(reference)
            beside = {**item, **beside}
            steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in reference[1:].split("/")[1:]]
            item = self._at(steps, reference, (*path, "$ref"))
            path = tuple(steps)
        if not isinstance(item, dict):
            raise DocumentError("a path item is an object", path)
        return {**item, **{key: value for key, value in beside.items() if key != "$ref"}}, path

    def _at(self, steps: list[str], reference: str, path: Path) -> Any:
        node: Any = self.data
        for step in steps:
            if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            elif isinstance(node, dict) and step in node:
                node = node[step]
            else:
                raise DocumentError(f"$ref {reference!r} leads to nothing", path)
        return node


def read_document(text: str) -> Document:
    """The document in JSON or YAML text. Raises DocumentError."""
    try:
        return check_document(orjson.loads(text))
    except orjson.JSONDecodeError:
        pass  # YAML is next, which says of broken JSON too where it breaks
    try:
        return check_document(yaml.load(text, _Loader))  # noqa: S506  a safe one
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(f"it is neither JSON nor YAML: {' '.join(str(error).split())}") from error


def check_document(data: Any) -> Document:
    """The document of data that have been read. Raises DocumentError if it is none, or of another version."""
    if not isinstance(data, dict):
        raise DocumentError("it is no OpenAPI document: an object with openapi or swagger is expected")
    if "swagger" in data:
        if str(data["swagger"]) != "2.0":
            raise DocumentError(f"swagger {data['swagger']!r} is not 2.0", ("swagger",))
    elif "openapi" not in data:
        raise DocumentError("it is no OpenAPI document: it has neither openapi nor swagger")
    elif not _VERSION.fullmatch(str(data["openapi"])):
        raise DocumentError(f"openapi {data['openapi']!r} is none of 3.0, 3.1 and 3.2", ("openapi",))
    return Document(data)


def _methods(item: dict[str, Any], path: Path) -> Iterator[tuple[str, Any, Path]]:
    for key, operation in item.items():
        if key in METHODS:
            yield key.upper(), operation, (*path, key)
    more = item.get("additionalOperations")
    if isinstance(more, dict):  # since 3.2; the methods stand there as they are sent
        for method, operation in more.items():
            yield str(method), operation, (*path, "additionalOperations", method)


def _server(server: Any, path: Path) -> Iterator[str]:
    """The base paths of a server: one for each combination of what its variables may be."""
    url = server.get("url") if isinstance(server, dict) else None
    if not isinstance(url, str):
        raise DocumentError("a server has a url", path)
    variables = server.get("variables") or {}
    names = list(dict.fromkeys(_VARIABLE.findall(url)))
    choices = [_choices(variables, name, path) for name in names]
    for values in itertools.product(*choices):
        chosen = dict(zip(names, values, strict=True))
        base = _path_of(_VARIABLE.sub(lambda match: chosen[match[1]], url), path)  # noqa: B023  called at once
        yield f"/{base}" if base else ""


def _path_of(url: str, path: Path) -> str:
    """The path of a URL, which may be relative, without slashes at its ends."""
    try:
        return urlsplit(url).path.removeprefix(".").strip("/")
    except ValueError as error:
        raise DocumentError(f"the server's url {url!r} is none: {error}", (*path, "url")) from error


def _choices(variables: Any, name: str, path: Path) -> list[str]:
    variable = variables.get(name) if isinstance(variables, dict) else None
    if not isinstance(variable, dict) or "default" not in variable:
        raise DocumentError(f"the variable {name!r} of the server's url has no default", (*path, "url"))
    listed = variable.get("enum")
    return list(dict.fromkeys(map(str, [variable["default"], *(listed if isinstance(listed, list) else [])])))
