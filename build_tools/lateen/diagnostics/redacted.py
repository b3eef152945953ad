"""Bytes that must never be printed."""

from __future__ import annotations

from typing import NoReturn


class Redacted:
    """Key material or a password: prints as `[redacted]`, compares by content, and cannot be pickled.

    The content is handed out by `reveal()` alone, so that a search for that word finds every use.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._content

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "[redacted]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Redacted) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a redacted value is not serialized")
