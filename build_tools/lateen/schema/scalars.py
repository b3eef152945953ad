"""JSON values of scalar types: what protobuf's JSON form allows, as the Python value that rules and encoder work on."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from lateen.diagnostics import Redacted

Convert = Callable[[Any], Any]
"""A JSON value to a Python value; raises FieldError if the type does not allow it."""

_FLOAT_MAX = 3.4028234663852886e38
_INTEGER = re.compile(r"-?\d+")
_DURATION = re.compile(r"(?P<sign>-?)(?P<seconds>\d{1,12})(?:\.(?P<fraction>\d{1,9}))?s")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))")
_DURATION_MAX = 315_576_000_000 * 10**9  # ten thousand years in nanoseconds, protobuf's own bound
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - datetime.UTC is slower to reach and says no more


class FieldError(ValueError):
    """A value that its type does not allow; the text completes `field: ...`."""


def word(value: object) -> str:
    """What a JSON value is, for messages; its content may be secret and is not shown."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "null" if value is None else f"a {type(value).__name__}")


def integer(low: int, high: int) -> Convert:
    """Whole numbers, also as strings (`"80"`) and floats without fraction, as protobuf's JSON form has them."""

    def convert(value: Any) -> int:
        if type(value) is int:
            number = value
        elif (isinstance(value, float) and value.is_integer()) or (
            isinstance(value, str) and _INTEGER.fullmatch(value)
        ):
            number = int(value)
        else:
            raise FieldError(f"must be a whole number, not {_shown(value)}")
        if not low <= number <= high:
            raise FieldError(f"must be between {low} and {high}, not {number}")
        return number

    return convert


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, float) else word(value)


def floating(largest: float) -> Convert:
    """Numbers, also as strings; `NaN` and `Infinity` only as strings."""

    def convert(value: Any) -> float:
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise FieldError(f"must be a number, not {word(value)}")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise FieldError(f"must be a number, not {word(value)}") from None
        if not math.isfinite(number) or abs(number) > largest:
            raise FieldError("must be a finite number")
        return number

    return convert


def boolean(value: Any) -> bool:
    """`true` or `false`, never a string."""
    if value is True or value is False:
        return value
    raise FieldError(f"must be true or false, not {word(value)}")


def boolean_key(value: Any) -> bool:
    """The key of a map of booleans: JSON keys are strings."""
    if value not in ("true", "false"):
        raise FieldError('must be "true" or "false"')
    return bool(value == "true")


def text(value: Any) -> str:
    """Unicode text that has a UTF-8 form."""
    if isinstance(value, Redacted):
        return value.reveal().decode(errors="replace")
    if not isinstance(value, str):
        raise FieldError(f"must be a string, not {word(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FieldError("must be valid Unicode text") from None
    return value


def octets(value: Any) -> bytes:
    """Bytes in base64 (either alphabet, padded or not), or a `Redacted` that holds the bytes themselves."""
    if isinstance(value, Redacted):
        return value.reveal()
    if not isinstance(value, str):
        raise FieldError(f"must be a string in base64, not {word(value)}")
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise FieldError("must be a string in base64") from None


def enumeration(values: Mapping[str, int]) -> Convert:
    """The name of a value, or any number of 32 bits (whether it is defined is a rule's business)."""
    number = integer(-(2**31), 2**31 - 1)

    def convert(value: Any) -> int:
        if isinstance(value, str):
            if value in values:
                return values[value]
            if not _INTEGER.fullmatch(value):
                raise FieldError(f"must be one of {', '.join(values)}, not {value!r}")
        return int(number(value))

    return convert


def duration(value: Any) -> int:
    """Nanoseconds of `"1.5s"`."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise FieldError('must be a duration in seconds such as "1.5s"')
    nanos = int(match["seconds"]) * 10**9 + int((match["fraction"] or "0").ljust(9, "0"))
    if nanos > _DURATION_MAX:
        raise FieldError("must be a duration within 315576000000s")
    return -nanos if match["sign"] else nanos


def timestamp(value: Any) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time."""
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is None:
            raise ValueError
        day, time, fraction, sign, hours, minutes = match.groups()
        moment = datetime.fromisoformat(f"{day}T{time}+00:00") - _EPOCH
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment += -offset if sign == "+" else offset
    except ValueError:
        raise FieldError('must be a time such as "2006-01-02T15:04:05Z"') from None
    return (moment.days * 86400 + moment.seconds) * 10**9 + int((fraction or "0").ljust(9, "0"))


def field_mask(value: Any) -> list[str]:
    """The snake_case paths of `"a.bC,d"`."""
    if not isinstance(value, str) or "_" in value:
        raise FieldError('must be lowerCamelCase paths with commas between them, such as "user.displayName,photo"')
    return [re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", path) for path in value.split(",") if path]


_OTHERS: dict[int, Convert] = {
    Proto.TYPE_DOUBLE: floating(math.inf),
    Proto.TYPE_FLOAT: floating(_FLOAT_MAX),
    Proto.TYPE_BOOL: boolean,
    Proto.TYPE_STRING: text,
    Proto.TYPE_BYTES: octets,
}
SCALARS: dict[int, Convert] = _OTHERS | {
    kind: integer(low, high)
    for low, high, kinds in (
        (-(2**31), 2**31 - 1, (Proto.TYPE_INT32, Proto.TYPE_SINT32, Proto.TYPE_SFIXED32)),
        (-(2**63), 2**63 - 1, (Proto.TYPE_INT64, Proto.TYPE_SINT64, Proto.TYPE_SFIXED64)),
        (0, 2**32 - 1, (Proto.TYPE_UINT32, Proto.TYPE_FIXED32)),
        (0, 2**64 - 1, (Proto.TYPE_UINT64, Proto.TYPE_FIXED64)),
    )
    for kind in kinds
}
"""Every scalar type but enums, by FieldDescriptorProto.Type."""
