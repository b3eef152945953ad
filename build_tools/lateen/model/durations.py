"""Durations as Istio's API writes them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")


def parse_duration(text: str) -> float:
    """Seconds of a Go duration (`1h30m`, `1.5s`, `100ms`, `-2s`, `0`). Raises ValueError with the reason."""
    body = text[1:] if text[:1] in ("+", "-") else text
    sign = -1.0 if text.startswith("-") else 1.0
    if body == "0":
        return 0.0
    parts = _PART.findall(body)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != body:
        raise ValueError(f"{text!r} is not a duration such as 10s, 1m30s or 250ms")
    return sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts), 9)
