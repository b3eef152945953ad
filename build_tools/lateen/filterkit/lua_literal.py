"""Plain data as a Lua expression on one line that cannot be anything but data."""

from __future__ import annotations

import math


def lua_literal(value: object) -> str:
    """A Lua literal of strings, numbers, booleans, None, lists and mappings with string keys.

    Every byte of a string outside of letters, digits and a few harmless signs is escaped by its number, so no value
    can end the string, start a comment or a line. Raises TypeError for other types, ValueError for numbers that Lua
    has no literal for.
    """
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"Lua has no literal for {value}")
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(lua_literal(item) for item in value) + "}"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys of a Lua table are strings here")
        return "{" + ",".join(f"[{_string(key)}]={lua_literal(value[key])}" for key in sorted(value)) + "}"
    raise TypeError(f"no Lua literal for {type(value).__name__}")


_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-./:,@*")


def _string(text: str) -> str:
    return '"' + "".join(chr(byte) if byte in _SAFE else f"\\{byte:03d}" for byte in text.encode()) + '"'
