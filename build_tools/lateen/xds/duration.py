"""Durations as proto JSON writes them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """`10.0` as `10s`, `0.25` as `0.25s`; nanoseconds are the finest that a protobuf Duration holds."""
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return f"{text}s"
