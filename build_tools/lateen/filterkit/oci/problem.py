"""What a registry says of a failure."""

from __future__ import annotations

import json

_MAX_LENGTH = 200


def said_by(content: bytes) -> str:
    """The messages of an error answer of the distribution protocol on one line, or nothing.

    They come from outside and end on terminals: what cannot be printed is left out.
    """
    try:
        errors = json.loads(content)["errors"]
        said = "; ".join(str(error.get("message") or error.get("code") or "") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in said)
    return printable[:_MAX_LENGTH].strip()
