"""Wire format to plain dicts, through message classes made from the descriptors."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError, Message


class MessageClasses:
    """The message classes of one descriptor set, in a pool of its own."""

    def __init__(self, descriptor_set: bytes) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        for file in FileDescriptorSet.FromString(descriptor_set).file:
            self.pool.AddSerializedFile(file.SerializeToString())

    def of(self, name: str) -> type[Message]:
        """The class of the message of that full name. Raises KeyError if there is none."""
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def decode(self, name: str, data: bytes) -> dict[str, Any]:
        """The message in JSON form with snake_case names; defaults are left out.

        Raises ValueError if the bytes are no such message, or an Any in it has a type that the set lacks.
        """
        try:
            message = self.of(name).FromString(data)
            return json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=self.pool)
        except (DecodeError, TypeError) as error:
            raise ValueError(f"not a {name}: {error}") from error
