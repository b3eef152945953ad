"""Path templates as a trie of segments, in a compact binary form.

`filters/operation_classifier/src/table.rs` reads it. The form, numbers being unsigned LEB128 and texts having their
size in front:

    1, methods, names, node         methods and names: a count and that many texts
    node = operations, literals, patterns, parameter
    operations: a count and that many pairs of the numbers of a method and a name
    literals:   a count and that many pairs of a segment and a node
    patterns:   a count and that many pairs of parts and a node; parts: a count and that many texts
    parameter:  0, or 1 and a node

The parts of a pattern stand around its parameters: `{name}.tar.{kind}` has the parts ``, `.tar.` and ``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

VERSION = 1
MAX_SEGMENTS = 64
MAX_VISITS = 128
"""How many nodes one path may lead to at most, so that no client can choose a dear one."""

_PARAMETER = re.compile(r"\{[A-Za-z0-9_.~-]+\}")

Parts = tuple[bytes, ...]
Segment = bytes | Parts
"""A literal, or the texts around parameters: `("", "")` is a parameter alone."""

_PARAMETER_ALONE: Parts = (b"", b"")


class TemplateError(ValueError):
    """A path template that cannot be read."""


class Operation(NamedTuple):
    """What a trie knows of a method at a template; `source` is the caller's, to tell who was first."""

    name: str
    source: object


@dataclass(slots=True)
class Node:
    """The templates that begin with the same segments."""

    operations: dict[str, Operation] = field(default_factory=dict)
    literals: dict[bytes, Node] = field(default_factory=dict)
    patterns: dict[Parts, Node] = field(default_factory=dict)
    parameter: Node | None = None

    def child(self, segment: Segment) -> Node:
        """The node behind a segment, made if it is not there."""
        if isinstance(segment, bytes):
            return self.literals.setdefault(segment, Node())
        if segment != _PARAMETER_ALONE:
            return self.patterns.setdefault(segment, Node())
        self.parameter = self.parameter or Node()
        return self.parameter


@dataclass(slots=True)
class PathTrie:
    """Operations by method and path template. Without `strict` a slash at the end of a path means nothing."""

    strict: bool = False
    ignore_case: bool = False
    root: Node = field(default_factory=Node)

    def add(self, method: str, template: str, name: str, source: object = None) -> Operation | None:
        """Add an operation; gives the one that already has this method and template, which then stays.

        Raises TemplateError.
        """
        node = self.root
        for segment in self._segments(template):
            node = node.child(segment)
        kept = node.operations.setdefault(method, operation := Operation(name, source))
        return None if kept is operation else kept

    def _segments(self, template: str) -> list[Segment]:
        texts = split(template, strict=self.strict)
        if len(texts) > MAX_SEGMENTS:
            raise TemplateError(f"it has more than {MAX_SEGMENTS} segments")
        return [self._segment(text) for text in texts]

    def _segment(self, text: str) -> Segment:
        around = _PARAMETER.split(text)
        if any("{" in part or "}" in part for part in around):
            raise TemplateError(f"{text!r} has a brace that belongs to no parameter such as {{name}}")
        if "" in around[1:-1]:
            raise TemplateError(f"{text!r} has two parameters with nothing between them")
        parts = tuple(canonical(part, self.ignore_case) for part in around)
        return parts[0] if len(parts) == 1 else parts

    def encode(self) -> bytes:
        """The binary form; equal operations give equal bytes, in whatever order they were added."""
        nodes = list(_preorder(self.root))
        methods = sorted({method for node in nodes for method in node.operations})
        names = sorted({operation.name for node in nodes for operation in node.operations.values()})
        out = bytearray([VERSION])
        for texts in (methods, names):
            out += _number(len(texts))
            for text in texts:
                out += _text(text.encode())
        method_numbers = {method: number for number, method in enumerate(methods)}
        name_numbers = {name: number for number, name in enumerate(names)}
        _encode(self.root, out, method_numbers, name_numbers)
        return bytes(out)

    def visits(self) -> int:
        """How many nodes the dearest path leads to, at most: of literals one can match, of patterns all."""
        return _visits(self.root)


def split(path: str, *, strict: bool) -> list[str]:
    """The segments of a path. Raises TemplateError if it does not begin with a slash."""
    if not path.startswith("/"):
        raise TemplateError("it does not begin with /")
    if re.search("[?#]", path):
        raise TemplateError("it has a ? or #, which are no part of a path")
    segments = path[1:].split("/")
    if not strict and segments[-1] == "":
        segments.pop()
    return segments


def canonical(text: str, ignore_case: bool) -> bytes:
    """The form in which segments are compared: percent-decoded bytes, ASCII letters small if case means nothing."""
    content = unquote_to_bytes(text)
    return content.lower() if ignore_case else content


def _ordered_patterns(node: Node) -> list[tuple[Parts, Node]]:
    """The pattern with the most text first: it says most about a segment."""
    return sorted(node.patterns.items(), key=lambda item: (-sum(map(len, item[0])), item[0]))


def _preorder(node: Node) -> list[Node]:
    found = [node]
    for child in (*node.literals.values(), *node.patterns.values(), *([node.parameter] if node.parameter else [])):
        found += _preorder(child)
    return found


def _encode(node: Node, out: bytearray, methods: dict[str, int], names: dict[str, int]) -> None:
    out += _number(len(node.operations))
    for method, operation in sorted(node.operations.items()):
        out += _number(methods[method]) + _number(names[operation.name])
    out += _number(len(node.literals))
    for literal, child in sorted(node.literals.items()):
        out += _text(literal)
        _encode(child, out, methods, names)
    out += _number(len(node.patterns))
    for parts, child in _ordered_patterns(node):
        out += _number(len(parts))
        for part in parts:
            out += _text(part)
        _encode(child, out, methods, names)
    out += _number(node.parameter is not None)
    if node.parameter:
        _encode(node.parameter, out, methods, names)


def _visits(node: Node) -> int:
    literal = max(map(_visits, node.literals.values()), default=0)
    others = (*node.patterns.values(), *([node.parameter] if node.parameter else []))
    return 1 + literal + sum(map(_visits, others))


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(content: bytes) -> bytes:
    return _number(len(content)) + content
