"""What a server says, made fit for a terminal: it comes from outside, and may be anything."""

from __future__ import annotations

import orjson

_MAX_LENGTH = 200


def said_by(content: bytes) -> str:
    """The messages of an error answer of the distribution protocol on one line, or nothing."""
    try:
        errors = orjson.loads(content)["errors"]
        return printable("; ".join(str(error.get("message") or error.get("code") or "") for error in errors))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def printable(text: str) -> str:
    """The text without what cannot be printed, and not long."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MAX_LENGTH].strip()
