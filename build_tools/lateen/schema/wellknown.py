"""The JSON forms of google.protobuf's own types, which are not objects of their fields."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from lateen.schema.scalars import SCALARS, Convert, FieldError, duration, field_mask, text, timestamp, word

ANY = "google.protobuf.Any"
VALUE = "google.protobuf.Value"
TYPED_STRUCTS = frozenset({"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"})
"""Messages whose `value` is the JSON form of the message that their `type_url` names."""

WRAPPED = {
    "google.protobuf.DoubleValue": Proto.TYPE_DOUBLE,
    "google.protobuf.FloatValue": Proto.TYPE_FLOAT,
    "google.protobuf.Int64Value": Proto.TYPE_INT64,
    "google.protobuf.UInt64Value": Proto.TYPE_UINT64,
    "google.protobuf.Int32Value": Proto.TYPE_INT32,
    "google.protobuf.UInt32Value": Proto.TYPE_UINT32,
    "google.protobuf.BoolValue": Proto.TYPE_BOOL,
    "google.protobuf.StringValue": Proto.TYPE_STRING,
    "google.protobuf.BytesValue": Proto.TYPE_BYTES,
}
"""Wrapper messages by the type of the one value that they hold; their JSON form is that value."""


def value(given: Any) -> Any:
    """Any JSON value (google.protobuf.Value)."""
    if isinstance(given, dict):
        return struct(given)
    if isinstance(given, list | tuple):
        return values(given)
    if isinstance(given, float) and not math.isfinite(given):
        raise FieldError("must be a finite number")
    if not isinstance(given, str | int | float | None):
        raise FieldError(f"must be a JSON value, not {word(given)}")
    return text(given) if isinstance(given, str) else given


def struct(given: Any) -> dict[str, Any]:
    """A JSON object (google.protobuf.Struct)."""
    if not isinstance(given, dict):
        raise FieldError(f"must be an object, not {word(given)}")
    return {text(key): value(item) for key, item in given.items()}


def values(given: Any) -> list[Any]:
    """A JSON array (google.protobuf.ListValue)."""
    if not isinstance(given, list | tuple):
        raise FieldError(f"must be a list, not {word(given)}")
    return [value(item) for item in given]


CONVERT: dict[str, Convert] = {
    "google.protobuf.Duration": duration,
    "google.protobuf.Timestamp": timestamp,
    "google.protobuf.FieldMask": field_mask,
    "google.protobuf.Struct": struct,
    "google.protobuf.ListValue": values,
    VALUE: value,
} | {name: SCALARS[kind] for name, kind in WRAPPED.items()}
"""The types whose JSON form is converted as one value, by full name."""
