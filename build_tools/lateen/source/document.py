"""A YAML document that knows where each of its nodes stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lateen.diagnostics import Origin

Path = tuple[str | int, ...]

_NONE: Mapping[str, tuple[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """YAML text with the name that findings show for it."""

    text: str
    name: str = "<text>"


class LocatedMap(dict[str, Any]):
    """A YAML mapping; `marks[key]` is (line, column) of the key, then (line, column) of its value, from 1.

    `literals[key]` is (line, column) of the first character of a value in literal style (`|`), so that a place inside
    such a text is a place in the file.
    """

    __slots__ = ("column", "line", "literals", "marks")

    def __init__(self, line: int, column: int) -> None:
        super().__init__()
        self.line, self.column = line, column
        self.marks: dict[str, tuple[int, int, int, int]] = {}
        self.literals: Mapping[str, tuple[int, int]] = _NONE

    def copy(self) -> LocatedMap:
        """A copy at the same place."""
        twin = LocatedMap(self.line, self.column)
        twin.update(self)
        twin.marks, twin.literals = self.marks, self.literals
        return twin


class LocatedList(list[Any]):
    """A YAML sequence; `marks[i]` is (line, column) of item i, from 1."""

    __slots__ = ("column", "line", "marks")

    def __init__(self, line: int, column: int) -> None:
        super().__init__()
        self.line, self.column = line, column
        self.marks: list[tuple[int, int]] = []


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `data` consists of LocatedMap, LocatedList and scalars (str, int, float, bool, None)."""

    data: Any
    file: str
    line: int = 1

    def locate(self, path: Path = (), *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at `path` (of its key with `key`); of the deepest node that exists otherwise."""
        node: Any = self.data
        place = (getattr(node, "line", self.line), getattr(node, "column", 1))
        for depth, step in enumerate(path):
            last = depth == len(path) - 1
            if isinstance(node, LocatedMap) and step in node.marks:
                mark = node.marks[str(step)]
                place = mark[:2] if last and key else mark[2:]
                node = node.get(str(step))
            elif isinstance(node, LocatedList) and isinstance(step, int) and 0 <= step < len(node.marks):
                place = node.marks[step]
                node = node[step]
            else:
                break
        return place

    def origin(self, path: Path = (), *, key: bool = False, resource: str = "") -> Origin:
        """The place of `path` as an Origin."""
        line, column = self.locate(path, key=key)
        return Origin(self.file, line, column, resource, field_path(path))


def field_path(path: Path) -> str:
    """`("spec", "http", 0)` as `spec.http[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
