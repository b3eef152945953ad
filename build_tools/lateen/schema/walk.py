"""Every message inside a message, with its type and its path: what rules across fields look at."""

from __future__ import annotations

from typing import Any, NamedTuple

from lateen.schema import wellknown
from lateen.schema.descriptors import MESSAGE, Descriptors, Field
from lateen.schema.path import At, key_step, path_of


class Node(NamedTuple):
    """A message of full name `type` in canonical form: snake_case names, nothing that is null.

    What an Any holds has its own type. `value` is the given dict, or a copy if that was not canonical; inner nodes are
    always parts of outer ones.
    """

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
        self._fields: dict[str, dict[str, Field]] = {}

    def walk(self, name: str, value: Any) -> list[Node]:
        """`value` as a message of the full name `name`, then all messages in it, outer ones first."""
        found: list[Node] = []
        self._visit(name, value, None, found)
        return found

    def _visit(self, name: str, value: Any, at: At, found: list[Node]) -> Any:
        """Add the nodes of `value` and return its canonical form."""
        if name == wellknown.ANY and isinstance(value, dict):
            name = str(value.get("@type", "")).rpartition("/")[2]
        if not isinstance(value, dict) or name in wellknown.CONVERT or name not in self._descriptors:
            return value
        place = len(found)
        found.append(Node(name, at, value))
        typed = {"value": str(value.get("type_url", "")).rpartition("/")[2]} if name in wellknown.TYPED_STRUCTS else {}
        canonical: dict[str, Any] = {}
        changed = False
        for key, item in value.items():
            if key in typed:
                canonical[key] = self._visit(typed[key], item, (at, key), found)
            elif item is not None:
                field = self._known(name).get(key)
                canonical[field.name if field else key] = self._item(field, item, (at, key), found) if field else item
            changed = changed or key not in canonical or canonical[key] is not item
        if changed:
            found[place] = Node(name, at, canonical)
        return found[place].value

    def _item(self, field: Field, item: Any, at: At, found: list[Node]) -> Any:
        inner = field.entry[1] if field.entry else field
        if inner.type != MESSAGE:
            return item
        if field.entry and isinstance(item, dict):
            pairs = {key: self._visit(inner.type_name, each, (at, key_step(key)), found) for key, each in item.items()}
            return item if all(pairs[key] is each for key, each in item.items()) else pairs
        if field.repeated and isinstance(item, list):
            items = [self._visit(inner.type_name, each, (at, index), found) for index, each in enumerate(item)]
            return item if all(new is old for new, old in zip(items, item, strict=True)) else items
        return self._visit(inner.type_name, item, at, found)

    def _known(self, name: str) -> dict[str, Field]:
        """The fields of a message by both spellings."""
        if name not in self._fields:
            fields = self._descriptors.message(name).fields
            self._fields[name] = {spelling: field for field in fields for spelling in (field.name, field.json_name)}
        return self._fields[name]
