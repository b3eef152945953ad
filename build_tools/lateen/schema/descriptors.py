"""What the descriptors say, in the terms that the validator and the encoder need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

_RULES_FILE = "validate/validate.proto"
_WITH_RULES = (
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/timestamp.proto",
    _RULES_FILE,
)

REPEATED = FieldDescriptorProto.LABEL_REPEATED
STRING, BYTES = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BYTES
MESSAGE, ENUM = FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a message.

    `type` is a FieldDescriptorProto.Type, `type_name` the full name of its message or enum. `entry` are key and value
    of a map (then `repeated` is false). `presence` says whether unset and default differ. `oneof` names the group, or
    is empty. `rules` is a `validate.FieldRules` or None.
    """

    name: str
    json_name: str
    number: int
    type: int
    type_name: str
    repeated: bool
    presence: bool
    packed: bool
    oneof: str
    entry: tuple[Field, Field] | None
    rules: Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `oneofs` maps each group to whether one of its members must be set."""

    name: str
    fields: tuple[Field, ...]
    oneofs: dict[str, bool]


class Descriptors:
    """The messages and enums of one set of `.proto` files, each read when it is first asked for."""

    def __init__(self, descriptor_set: bytes) -> None:
        plain = _plain(descriptor_set)
        pool = descriptor_pool.DescriptorPool()
        for name in _WITH_RULES:
            pool.AddSerializedFile(plain[name].SerializeToString())
        message_factory.GetMessageClassesForFiles(list(_WITH_RULES), pool)
        with_rules: Any = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet")
        )
        self._files = with_rules.FromString(descriptor_set).file
        self._rules: Any = pool.FindExtensionByName("validate.rules")
        self._required: Any = pool.FindExtensionByName("validate.required")
        self._read: dict[str, Message] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._index

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The names of the `.proto` files."""
        return tuple(file.name for file in self._files)

    @cached_property
    def messages(self) -> tuple[str, ...]:
        """The full names of all messages, sorted, without the entries of maps."""
        return tuple(sorted(name for name, (found, _) in self._index.items() if not found.options.map_entry))

    @cached_property
    def _index(self) -> dict[str, tuple[DescriptorProto, FileDescriptorProto]]:
        found: dict[str, tuple[DescriptorProto, FileDescriptorProto]] = {}

        def add(prefix: str, messages: Any, file: FileDescriptorProto) -> None:
            for message in messages:
                name = f"{prefix}{message.name}"
                found[name] = message, file
                add(f"{name}.", message.nested_type, file)

        for file in self._files:
            add(f"{file.package}.", file.message_type, file)
        return found

    @cached_property
    def _enums(self) -> dict[str, EnumDescriptorProto]:
        top = {f"{file.package}.{enum.name}": enum for file in self._files for enum in file.enum_type}
        nested = {
            f"{name}.{enum.name}": enum for name, (message, _) in self._index.items() for enum in message.enum_type
        }
        return top | nested

    def package(self, name: str) -> str:
        """The package of the file that declares the message. Raises KeyError if this Envoy has no such message."""
        return self._index[name][1].package

    def enum(self, name: str) -> dict[str, int]:
        """The values of the enum of that full name by their names; the first one is the default."""
        return {value.name: value.number for value in self._enums[name].value}

    def message(self, name: str) -> Message:
        """The message of that full name. Raises KeyError if this Envoy has none."""
        if name not in self._read:
            found, file = self._index[name]
            groups = [(group.name, bool(group.options.Extensions[self._required])) for group in found.oneof_decl]
            fields = tuple(self._field(field, found, file.syntax == "proto3") for field in found.field)
            used = {field.oneof for field in fields}
            self._read[name] = Message(name, fields, {group: needed for group, needed in groups if group in used})
        return self._read[name]

    def _field(self, field: FieldDescriptorProto, parent: DescriptorProto, proto3: bool) -> Field:
        type_name = field.type_name.removeprefix(".")
        repeated = field.label == REPEATED
        entry = None
        if field.type == MESSAGE and self._index[type_name][0].options.map_entry:
            key, value = self.message(type_name).fields
            entry, repeated = (key, value), False
        in_oneof = field.HasField("oneof_index") and not field.proto3_optional
        presence = in_oneof or field.proto3_optional or field.type == MESSAGE or not proto3
        packable = field.type not in (STRING, BYTES, MESSAGE)
        packed = packable and (field.options.packed if field.options.HasField("packed") else proto3)
        return Field(
            name=field.name,
            json_name=field.json_name or _camel(field.name),
            number=field.number,
            type=field.type,
            type_name=type_name,
            repeated=repeated,
            presence=presence and not repeated and entry is None,
            packed=packed,
            oneof=parent.oneof_decl[field.oneof_index].name if in_oneof else "",
            entry=entry,
            rules=field.options.Extensions[self._rules] if field.options.HasExtension(self._rules) else None,
        )


def _plain(descriptor_set: bytes) -> dict[str, FileDescriptorProto]:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet  # noqa: PLC0415

    return {file.name: file for file in FileDescriptorSet.FromString(descriptor_set).file if file.name in _WITH_RULES}


def _camel(name: str) -> str:
    """The JSON name that protobuf derives: underscores go, the letter after one is capitalized."""
    head, *words = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in words)
