"""Messages as functions over plain dicts: types, names, oneofs and field rules, every violation with its path.

The JSON form is protobuf's: snake_case names are canonical, lowerCamelCase ones are accepted. Where Envoy's own parser
is laxer than that form (one string for a list of strings), this is stricter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from lateen.schema import rules as pgv
from lateen.schema import wellknown
from lateen.schema.descriptors import ENUM, MESSAGE, Descriptors, Field, Message
from lateen.schema.path import At, key_step, path_of
from lateen.schema.scalars import SCALARS, Convert, FieldError, boolean_key, enumeration, word


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One thing that is wrong; `path` as `clusters[0].connect_timeout`, empty for the message itself."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


Check = Callable[[Any, At, list[Violation]], None]


class _Entry(NamedTuple):
    check: Check
    oneof: str
    canonical: str
    nullable: bool  # null is a value of google.protobuf.Value; of any other field it means: not set


class Validator:
    """Checks compiled from descriptors, each when it is first needed. Without `rules` only types and names count."""

    def __init__(self, descriptors: Descriptors, *, rules: bool = True) -> None:
        self._descriptors = descriptors
        self._rules = rules
        self._compiled: dict[tuple[str, bool], Check] = {}
        self._without_rules = Validator(descriptors, rules=False) if rules else self

    def check(self, name: str, value: Any) -> list[Violation]:
        """Everything that is wrong with `value` as a message of the full name `name`, in the order of the value."""
        found: list[Violation] = []
        if name not in self._descriptors:
            return [Violation("", f"this Envoy has no message {name}")]
        self._value(name)(value, None, found)
        return found

    def _value(self, name: str) -> Check:
        """The check of a message in a field: of its JSON form, or of the special one of a well-known type."""
        if name == wellknown.ANY:
            return self._any
        special = wellknown.CONVERT.get(name)
        return _scalar(special, ()) if special else self._message(name)

    def _message(self, name: str, in_any: bool = False) -> Check:
        if (name, in_any) not in self._compiled:
            compiled = self._compile(self._descriptors.message(name), in_any)
            self._compiled[name, in_any] = (
                self._with_inner_type(compiled) if name in wellknown.TYPED_STRUCTS else compiled
            )
        return self._compiled[name, in_any]

    def _compile(self, message: Message, in_any: bool) -> Check:
        fields = {name: entry for field in message.fields for name, entry in self._entries(field)}
        check_unset = self._unset(message)

        def check_message(value: Any, at: At, out: list[Violation]) -> None:
            if not isinstance(value, dict):
                out.append(Violation(path_of(at), f"must be an object, not {word(value)}"))
                return
            chosen: dict[str, str] = {}
            for key, item in value.items():
                entry = fields.get(key)
                if entry is None:
                    if not (in_any and key == "@type"):
                        out.append(_unknown(message, key, at))
                    continue
                check, oneof, first, nullable = entry
                if item is None and not nullable:
                    continue
                if oneof:
                    first = chosen.setdefault(oneof, key)
                if first != key and first in value:
                    out.append(Violation(path_of((at, key)), f"cannot be set together with {first}"))
                check(item, (at, key), out)
            check_unset(value, chosen, at, out)

        return check_message

    def _entries(self, field: Field) -> Iterator[tuple[str, _Entry]]:
        """What is known of the field, by each of its spellings."""
        check, nullable = self._field(field), field.type_name == wellknown.VALUE and not field.repeated
        if field.json_name != field.name:
            yield field.json_name, _Entry(check, field.oneof, field.name, nullable)
        yield field.name, _Entry(check, field.oneof, field.name, nullable)

    def _unset(self, message: Message) -> Callable[[dict[str, Any], dict[str, str], At, list[Violation]], None]:
        """The check of what must be set; `chosen` are the oneofs that are."""
        absent = [
            (field.name, field.json_name, problem) for field in message.fields for problem in self._when_absent(field)
        ]
        needed = [
            (group, ", ".join(field.name for field in message.fields if field.oneof == group))
            for group, must in message.oneofs.items()
            if must and self._rules
        ]

        def check_unset(value: dict[str, Any], chosen: dict[str, str], at: At, out: list[Violation]) -> None:
            for name, camel, problem in absent:
                if value.get(name) is None and value.get(camel) is None:
                    out.append(Violation(path_of((at, name)), problem))
            for group, members in needed:
                if group not in chosen:
                    out.append(Violation(path_of(at), f"must have one of {members}"))

        return check_unset

    def _when_absent(self, field: Field) -> list[str]:
        """What the rules say when the field is not set: it must be, or its default breaks them."""
        if not self._rules or field.rules is None or field.oneof:
            return []
        if pgv.required(field.rules):
            return ["is required"]
        if field.repeated or field.entry:
            return [problem for rule in pgv.length_rules(field.rules) if (problem := rule([]))]
        if field.presence:
            return []
        default: Any = "" if field.type == Proto.TYPE_STRING else b"" if field.type == Proto.TYPE_BYTES else 0
        problems = [problem for rule in self._value_rules(field, field.rules) if (problem := rule(default))]
        return [f"is required: {problem}" for problem in problems[:1]]

    def _field(self, field: Field) -> Check:
        if field.entry:
            return self._map(field, *field.entry)
        if not field.repeated:
            return self._single(field, field.rules)
        item_rules = field.rules.repeated.items if field.rules is not None else None
        return self._list(field, self._single(field, item_rules))

    def _length_rules(self, field: Field) -> tuple[pgv.Rule, ...]:
        return pgv.length_rules(field.rules) if self._rules and field.rules is not None else ()

    def _single(self, field: Field, rules: Any) -> Check:
        """The check of one value of the field: the field itself or one item of it."""
        found = self._value_rules(field, rules) if self._rules and rules is not None else ()
        if field.type != MESSAGE:
            convert = (
                enumeration(self._descriptors.enum(field.type_name)) if field.type == ENUM else SCALARS[field.type]
            )
            return _scalar(convert, found)
        if field.type_name in wellknown.CONVERT:
            return _scalar(wellknown.CONVERT[field.type_name], found)
        if rules is not None and rules.message.skip:
            return self._without_rules._nested(field.type_name)
        return self._nested(field.type_name)

    def _value_rules(self, field: Field, rules: Any) -> tuple[pgv.Rule, ...]:
        if field.type == ENUM:
            return pgv.enum_rules(rules, list(self._descriptors.enum(field.type_name).values()))
        if rules.WhichOneof("type") in ("message", "any", "repeated", "map"):
            return ()
        return pgv.value_rules(rules)

    def _nested(self, name: str) -> Check:
        """The check of a message that is compiled when a value of it is met: messages contain each other."""
        if name == wellknown.ANY:
            return self._any
        compiled: Check | None = None

        def check_nested(value: Any, at: At, out: list[Violation]) -> None:
            nonlocal compiled
            if compiled is None:
                compiled = self._message(name)
            compiled(value, at, out)

        return check_nested

    def _list(self, field: Field, check: Check) -> Check:
        rules, nullable = self._length_rules(field), field.type_name == wellknown.VALUE

        def check_list(value: Any, at: At, out: list[Violation]) -> None:
            if not isinstance(value, list | tuple):
                out.append(Violation(path_of(at), f"must be a list, not {word(value)}"))
                return
            for index, element in enumerate(value):
                if element is None and not nullable:
                    out.append(Violation(path_of((at, index)), "must not be null"))
                else:
                    check(element, (at, index), out)
            _apply(rules, value, at, out)

        return check_list

    def _map(self, field: Field, key: Field, value: Field) -> Check:
        body = field.rules.map if field.rules is not None else None
        rules, nullable = self._length_rules(field), value.type_name == wellknown.VALUE
        convert = boolean_key if key.type == Proto.TYPE_BOOL else SCALARS[key.type]
        check_key = _scalar(convert, pgv.value_rules(body.keys) if self._rules and body is not None else ())
        check_value = self._single(value, body.values if body is not None else None)

        def check_map(pairs: Any, at: At, out: list[Violation]) -> None:
            if not isinstance(pairs, dict):
                out.append(Violation(path_of(at), f"must be an object, not {word(pairs)}"))
                return
            for name, item in pairs.items():
                inner = (at, key_step(name))
                check_key(name, inner, out)
                if item is None and not nullable:
                    out.append(Violation(path_of(inner), "must not be null"))
                else:
                    check_value(item, inner, out)
            _apply(rules, pairs, at, out)

        return check_map

    def _any(self, value: Any, at: At, out: list[Violation]) -> None:
        """An Any: `@type` says which message stands beside it. `{}` is the empty Any."""
        if not isinstance(value, dict):
            out.append(Violation(path_of(at), f"must be an object, not {word(value)}"))
            return
        if not value:
            return
        url = value.get("@type")
        if not isinstance(url, str) or "/" not in url:
            out.append(Violation(path_of((at, "@type")), "must be a type URL such as type.googleapis.com/envoy.X"))
            return
        name = url.rpartition("/")[2]
        if name not in self._descriptors:
            out.append(Violation(path_of((at, "@type")), f"this Envoy has no message {name}{self._nearest(name)}"))
        elif name in wellknown.CONVERT or name == wellknown.ANY:
            extra = value.keys() - {"@type", "value"}
            out.extend(Violation(path_of((at, key)), f"{name} in an Any has only value") for key in sorted(extra))
            self._value(name)(value.get("value"), (at, "value"), out)
        else:
            self._message(name, in_any=True)(value, at, out)

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self._descriptors.messages, n=1, cutoff=0.8)
        return f"; the nearest is {near[0]}" if near else ""

    def _with_inner_type(self, check: Check) -> Check:
        """TypedStruct: Envoy turns `value` into the message that `type_url` names, so it must be one."""

        def check_typed(value: Any, at: At, out: list[Violation]) -> None:
            check(value, at, out)
            if not isinstance(value, dict):
                return
            name = str(value.get("type_url") or value.get("typeUrl") or "").rpartition("/")[2]
            if name in self._descriptors and name not in wellknown.CONVERT and isinstance(value.get("value"), dict):
                self._message(name)(value["value"], (at, "value"), out)

        return check_typed


def _scalar(convert: Convert, rules: tuple[pgv.Rule, ...]) -> Check:
    def check_scalar(value: Any, at: At, out: list[Violation]) -> None:
        try:
            converted = convert(value)
        except FieldError as problem:
            out.append(Violation(path_of(at), str(problem)))
            return
        for rule in rules:
            if problem_text := rule(converted):
                out.append(Violation(path_of(at), problem_text))

    return check_scalar


def _apply(rules: tuple[pgv.Rule, ...], value: Any, at: At, out: list[Violation]) -> None:
    out.extend(Violation(path_of(at), problem) for rule in rules if (problem := rule(value)))


def _unknown(message: Message, key: object, at: At) -> Violation:
    known = [field.name for field in message.fields]
    near = get_close_matches(str(key), known, n=1)
    short = message.name.rpartition(".")[2]
    return Violation(
        path_of((at, str(key))), f"{short} has no such field" + (f"; did you mean {near[0]}?" if near else "")
    )
