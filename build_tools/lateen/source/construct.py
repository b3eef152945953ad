"""YAML nodes to located values, as the YAML reader of Kubernetes reads them.

PyYAML's own constructor is not used: it keeps duplicate keys silently, loses positions, and reads dates and base-60
numbers that the reader of Kubernetes does not.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from functools import lru_cache
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from lateen.diagnostics import Code, Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.document import LocatedList, LocatedMap
from lateen.source.scalars import Scalar, read_boolean, read_plain

MAX_DEPTH = 200
MAX_NODES = 1_000_000
"""Nodes that one document may stand for once its aliases are written out."""

PLAIN, QUOTED = "plain", "quoted"
"""The tags that the composer gives to nodes that have none of their own."""

_TAG = "tag:yaml.org,2002:"
_UNTAGGED = frozenset({PLAIN, QUOTED, f"{_TAG}map", f"{_TAG}seq"})
_IGNORED = "!ignore"
_SECRET = re.compile(r"""\bkind["']?\s*:\s*["']?Secret\b""")
_LITERAL = re.compile(r"[^\n]*\n(?:[ ]*\r?\n)*( *)")


class TooLargeError(Exception):
    """The document nests too deep, or its aliases stand for too much."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem)
        self.problem, self.mark = problem, mark


class Constructor:
    """Constructs the documents of one text whose first character is at `line` and `column` of `file`.

    With `ignoring`, an entry whose key has the tag `!ignore` is left out, as in Envoy: it only holds anchors.
    """

    def __init__(self, text: str, file: str, line: int, column: int, *, ignoring: bool = False) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._ignoring = ignoring
        self.file = file
        secret = "Secret" in text and _SECRET.search(text)  # who shows findings then shows none of its lines
        self._resource = "Secret" if secret else ""
        self._text, self._line, self._column = text, line, column
        self._nodes = 0
        self._anchors = "&" in text  # without them no node stands in two places
        self._built: dict[int, tuple[Any, int]] = {}  # a collection and its size by the identity of its node
        self._open: set[int] = set()

    def document(self, root: Node) -> Any:
        """The value of a root node. Raises TooLargeError."""
        self._nodes = 0
        self._built.clear()
        self._open.clear()
        return self._value(root, 0)

    def place(self, mark: Any) -> Origin:
        """Where a mark is in the file."""
        return self.origin(mark.line, mark.column)

    def origin(self, line: int, column: int) -> Origin:
        """Where a line and column of the text, counted from 0, are in the file."""
        return Origin(self.file, line + self._line, column + self._column, self._resource)

    def _report(self, code: Code, node: Node, related: tuple[Origin, ...] = (), **args: Any) -> None:
        self.diagnostics.append(code.at(self.place(node.start_mark), related=related, **args))

    def _value(self, node: Node, depth: int) -> Any:
        if type(node) is not ScalarNode:
            return self._shared(node, depth) if self._anchors else self._collection(node, depth)
        self._nodes += 1
        tag = node.tag
        if tag == PLAIN:
            value = read_plain(node.value)
            return value if type(value) is not float else self._finite(value, node)
        return node.value if tag == QUOTED else self._tagged(node)

    def _shared(self, node: Node, depth: int) -> Any:
        """A mapping or list; an alias yields the very object of its anchor, and counts with all that is in it."""
        key = id(node)
        if key in self._built:
            data, size = self._built[key]
            self._count(size, node)
            return data
        if key in self._open:
            raise TooLargeError("an alias stands inside its own anchor", node.start_mark)
        self._open.add(key)
        before = self._nodes
        data = self._collection(node, depth)
        self._open.discard(key)
        self._built[key] = data, self._nodes - before
        return data

    def _collection(self, node: Node, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise TooLargeError(f"more than {MAX_DEPTH} levels of nesting", node.start_mark)
        self._count(1, node)
        if node.tag not in _UNTAGGED:
            self._report(codes.BAD_VALUE, node, problem=f"tag {_short(node.tag)} is not supported")
        return self._mapping(node, depth + 1) if type(node) is MappingNode else self._sequence(node, depth + 1)

    def _sequence(self, node: Node, depth: int) -> LocatedList:
        line, column = self._line, self._column
        data = LocatedList(node.start_mark.line + line, node.start_mark.column + column)
        for item in node.value:
            mark = item.start_mark
            data.append(self._value(item, depth))
            data.marks.append((mark.line + line, mark.column + column))
        return data

    def _mapping(self, node: Node, depth: int) -> LocatedMap:
        line, column = self._line, self._column
        data = LocatedMap(node.start_mark.line + line, node.start_mark.column + column)
        marks = data.marks
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.value == "<<" and key_node.tag == PLAIN:
                merged.append(value_node)
                continue
            ignored = self._ignoring and key_node.tag == _IGNORED
            key = None if ignored else self._key(key_node)
            value = self._value(value_node, depth)
            if key is None:
                continue
            at, to = key_node.start_mark, value_node.start_mark
            if key in marks:
                first = Origin(self.file, *marks[key][:2], self._resource)
                self._report(codes.DUPLICATE_KEY, key_node, key=key, related=(first,))
                continue
            data[key] = value
            marks[key] = (at.line + line, at.column + column, to.line + line, to.column + column)
            if type(value) is str and value_node.style == "|":
                data.literals = {**data.literals, key: self._literal(value_node)}
        for part in merged:
            self._merge(data, part, depth)
        return data

    def _merge(self, data: LocatedMap, node: Node, depth: int) -> None:
        """`<<`: keys of the mapping itself win, then those of the earlier merged mapping."""
        value = self._value(node, depth)
        for part in value if isinstance(value, LocatedList) else [value]:
            if not isinstance(part, LocatedMap):
                self._report(codes.BAD_MERGE, node, kind="list" if isinstance(part, list) else "scalar")
                return
            for key, item in part.items():
                if key not in data:
                    data[key], data.marks[key] = item, part.marks[key]

    def _key(self, node: Node) -> str | None:
        """A key as JSON has it: `80:` is "80", and `yes:` is "true"."""
        if type(node) is not ScalarNode:
            self._report(codes.BAD_KEY, node, kind="mapping" if type(node) is MappingNode else "list")
            return None
        if node.tag == QUOTED:
            return str(node.value)
        key = _plain_key(node.value) if node.tag == PLAIN else _as_key(self._tagged(node))
        if key is None:
            self._report(codes.BAD_KEY, node, kind="null")
        return key

    def _tagged(self, node: ScalarNode) -> Scalar:
        """A scalar with a tag of its own (`!!str 1`)."""
        tag, text = _short(node.tag), str(node.value)
        if tag in ("!!str", "!!timestamp", "!"):
            return text
        value: Scalar = None
        match tag:
            case "!!binary":
                value = _decode_base64(text)
            case "!!bool":
                value = read_boolean(text)
            case "!!int" | "!!float":
                number = read_plain(text)
                fits = type(number) is int or (tag == "!!float" and type(number) is float)
                value = number if fits else None
            case "!!null":
                return None
            case _:
                self._report(codes.BAD_VALUE, node, problem=f"tag {tag} is not supported")
                return text
        if value is None:
            self._report(codes.BAD_VALUE, node, problem=f"not a valid {tag}")
        return self._finite(value, node) if type(value) is float else value

    def _finite(self, value: float, node: ScalarNode) -> float | None:
        if math.isfinite(value):
            return value
        self._report(codes.BAD_VALUE, node, problem=f"{node.value} is not a number that JSON has")
        return None

    def _literal(self, node: ScalarNode) -> tuple[int, int]:
        """Where the first character of a literal text stands."""
        match = _LITERAL.match(self._text, node.start_mark.index)
        return node.start_mark.line + self._line + 1, self._column + (len(match[1]) if match else 0)

    def _count(self, size: int, node: Node) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise TooLargeError(f"aliases make more than {MAX_NODES} nodes of this document", node.start_mark)


def _as_key(value: Scalar) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


@lru_cache(maxsize=4096)
def _plain_key(text: str) -> str | None:
    """An unquoted key; the few that all documents consist of are read once and stand in memory once."""
    return _as_key(read_plain(text))


def _decode_base64(text: str) -> str | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
