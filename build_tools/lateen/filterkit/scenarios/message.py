"""A request or response: headers in their order with their repeats, body by chunk, trailers."""

from __future__ import annotations

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
        return cls(_fields(data.get("headers", ())), tuple(data.get("body", ())), _fields(data.get("trailers", ())))

    def header(self, name: str) -> str | None:
        """The values of a header joined with commas; None without one. Case does not matter in names."""
        return joined(self.headers, name)

    @property
    def content(self) -> str:
        """The whole body."""
        return "".join(self.body)


def joined(fields: Fields, name: str) -> str | None:
    """The values under a name, joined with commas; None if it is not there."""
    values = [value for key, value in fields if key.lower() == name.lower()]
    return ",".join(values) if values else None


def _fields(pairs: Iterable[Iterable[str]]) -> Fields:
    return tuple((name, value) for name, value in pairs)
