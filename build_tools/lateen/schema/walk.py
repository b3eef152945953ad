"""Every message inside a message, with its type and its path: what rules across fields look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lateen.schema import wellknown
from lateen.schema.descriptors import MESSAGE, Descriptors, Field
from lateen.schema.path import At, key_step, path_of

_TYPED_STRUCTS = ("xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct")


class Node(NamedTuple):
    """A message of full name `type` as a plain dict; what an Any holds has its own type."""

    type: str
    at: At
    value: dict[str, Any]

    @property
    def path(self) -> str:
        """Where it stands, from the message that the walk began with."""
        return path_of(self.at)


class Walker:
    """Walks configurations of one schema. What does not fit the schema is passed by: the validator reports it."""

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._messages: dict[str, dict[str, Field]] = {}

    def walk(self, name: str, value: Any) -> list[Node]:
        """`value` as a message of the full name `name`, then all messages in it, outer ones first."""
        found: list[Node] = []
        self._visit(name, value, None, found)
        return found

    def _visit(self, name: str, value: Any, at: At, found: list[Node]) -> None:
        if name == wellknown.ANY and isinstance(value, dict):
            name = str(value.get("@type", "")).rpartition("/")[2]
        if not isinstance(value, dict) or name in wellknown.CONVERT or name not in self._descriptors:
            return
        found.append(Node(name, at, value))
        if name in _TYPED_STRUCTS:
            self._visit(str(value.get("type_url", "")).rpartition("/")[2], value.get("value"), (at, "value"), found)
            return
        fields = self._fields(name)
        for key, item in value.items():
            field = fields.get(key)
            if field is not None and item is not None:
                for child, inner in _children(field, item, (at, key)):
                    self._visit((field.entry[1] if field.entry else field).type_name, child, inner, found)

    def _fields(self, name: str) -> dict[str, Field]:
        """The fields of message type, by both spellings."""
        if name not in self._messages:
            fields = [
                field
                for field in self._descriptors.message(name).fields
                if (field.entry[1] if field.entry else field).type == MESSAGE
            ]
            self._messages[name] = {spelling: field for field in fields for spelling in (field.name, field.json_name)}
        return self._messages[name]


def _children(field: Field, value: Any, at: At) -> Iterator[tuple[Any, At]]:
    if field.entry:
        if isinstance(value, dict):
            yield from ((item, (at, key_step(key))) for key, item in value.items())
    elif field.repeated:
        if isinstance(value, list | tuple):
            yield from ((item, (at, index)) for index, item in enumerate(value))
    else:
        yield value, at
