"""The exact schema of an Envoy: its descriptors, a validator of plain dicts, the way to the wire format and back."""

from __future__ import annotations

import gzip
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from lateen.schema.codec import MessageClasses
    from lateen.schema.descriptors import Descriptors
    from lateen.schema.encoder import Encoder
    from lateen.schema.validator import Validator, Violation
    from lateen.schema.walk import Node, Walker

PACKAGED_VERSION = "1.40.0"
"""The Envoy whose descriptors are part of the package."""


class SchemaError(ValueError):
    """A configuration that does not fit the schema; `violations` says where and why."""

    def __init__(self, name: str, violations: list[Violation]) -> None:
        self.violations = violations
        super().__init__("\n".join(f"{name}: {violation}" for violation in violations))


class Schema:
    """Everything that one Envoy knows of its configuration. Parts are made when they are first used.

    Messages are named by full name or by type URL; configurations are plain dicts in proto JSON form.
    """

    def __init__(self, descriptor_set: bytes) -> None:
        self._descriptor_set = descriptor_set

    @staticmethod
    def default() -> Schema:
        """The schema of Envoy `PACKAGED_VERSION`, which needs no binary."""
        return _packaged()

    @staticmethod
    def of(binary: Path) -> Schema:
        """The schema that the binary carries. Raises MeshError (LAT0502) if it carries none."""
        return _carved(binary, binary.stat().st_mtime_ns)

    def validate(self, type_url: str, config: Any) -> list[Violation]:
        """Every violation of types, names, oneofs and field rules, also inside each Any; empty if there is none."""
        return self._validator.check(_full_name(type_url), config)

    def walk(self, type_url: str, config: Any) -> list[Node]:
        """The message and every message inside it, outer ones first, also inside each Any."""
        return self._walker.walk(_full_name(type_url), config)

    def encode(self, type_url: str, config: Any) -> bytes:
        """The wire format; equal configurations give equal bytes. `Redacted` bytes are revealed.

        Raises SchemaError if the configuration does not fit the types (field rules are not looked at).
        """
        from lateen.schema.scalars import FieldError  # noqa: PLC0415
        from lateen.schema.validator import Validator  # noqa: PLC0415

        name = _full_name(type_url)
        try:
            return self._encoder.encode(name, config)
        except FieldError as error:
            violations = Validator(self.descriptors, rules=False).check(name, config)
            raise SchemaError(name, violations) from error

    def decode(self, type_url: str, data: bytes) -> dict[str, Any]:
        """The wire format as a configuration with snake_case names. Raises ValueError if it is no such message."""
        return self._classes.decode(_full_name(type_url), data)

    def message_class(self, name: str) -> type[Message]:
        """The generated class of a message. Raises KeyError if this Envoy has none of that name."""
        return self._classes.of(_full_name(name))

    @property
    def descriptor_set(self) -> bytes:
        """The serialized google.protobuf.FileDescriptorSet."""
        return self._descriptor_set

    @cached_property
    def descriptors(self) -> Descriptors:
        """The messages and enums by name."""
        from lateen.schema.descriptors import Descriptors  # noqa: PLC0415

        return Descriptors(self._descriptor_set)

    @cached_property
    def _validator(self) -> Validator:
        from lateen.schema.validator import Validator  # noqa: PLC0415

        return Validator(self.descriptors)

    @cached_property
    def _walker(self) -> Walker:
        from lateen.schema.walk import Walker  # noqa: PLC0415

        return Walker(self.descriptors)

    @cached_property
    def _encoder(self) -> Encoder:
        from lateen.schema.encoder import Encoder  # noqa: PLC0415

        return Encoder(self.descriptors)

    @cached_property
    def _classes(self) -> MessageClasses:
        from lateen.schema.codec import MessageClasses  # noqa: PLC0415

        return MessageClasses(self._descriptor_set)


def _full_name(type_url: str) -> str:
    return type_url.rpartition("/")[2]


@cache
def _packaged() -> Schema:
    data = resources.files(__name__) / "data" / f"envoy-{PACKAGED_VERSION}.binpb.gz"
    return Schema(gzip.decompress(data.read_bytes()))


@cache
def _carved(binary: Path, _changed: int) -> Schema:
    from lateen.schema.binary import broken  # noqa: PLC0415
    from lateen.schema.carve import CarveError, carve  # noqa: PLC0415

    try:
        return Schema(carve(binary).SerializeToString(deterministic=True))
    except (CarveError, OSError) as error:
        raise broken(binary, str(error)) from error
