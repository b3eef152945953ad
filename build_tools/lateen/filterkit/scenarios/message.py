"""A request or response: headers in their order with their repeats, body by chunk, trailers.

All text may hold bytes that are not UTF-8; they stand in it as Python's surrogate escapes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """Pseudo-headers (`:method`, `:status` ...) are headers here, as filters see them."""

    headers: Fields = ()
    body: tuple[str, ...] = ()
    trailers: Fields = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The message that a scenario describes."""
        body = tuple(text(chunk) for chunk in data.get("body", ()))
        return cls(_fields(data.get("headers", ())), body, _fields(data.get("trailers", ())))

    def header(self, name: str) -> str | None:
        """The values of a header joined with commas; None without one. Case does not matter in names."""
        return joined(self.headers, name)

    @property
    def content(self) -> str:
        """The whole body."""
        return to_text(b"".join(to_bytes(chunk) for chunk in self.body))


def joined(fields: Fields, name: str) -> str | None:
    """The values under a name, joined with commas; None if it is not there."""
    values = [value for key, value in fields if key.lower() == name.lower()]
    return ",".join(values) if values else None


def text(value: str | Mapping[str, str]) -> str:
    """A text as a scenario writes it: itself, or `{base64: ...}` where YAML could not hold it."""
    return value if isinstance(value, str) else to_text(base64.b64decode(value["base64"]))


def to_text(data: bytes) -> str:
    """Bytes as text that gives them back."""
    return data.decode(errors="surrogateescape")


def to_bytes(value: str) -> bytes:
    """The bytes that a text stands for."""
    return value.encode(errors="surrogateescape")


def _fields(pairs: Iterable[tuple[str, Any]]) -> Fields:
    return tuple((name, text(value)) for name, value in pairs)
