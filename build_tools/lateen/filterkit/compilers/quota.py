"""`quota`: what the schema of its configuration cannot say, and windows in milliseconds."""

from __future__ import annotations

import re
from typing import Any

from lateen.filterkit.configuration import Configuration, Files, Problem

MIN_WINDOW = 50
"""Milliseconds: Envoy fills no bucket more often."""

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_WINDOW = re.compile(r"(\d+)(ms|s|m|h)")


def named_files(_config: dict[str, Any]) -> list[str]:
    """None."""
    return []


def compile_configuration(config: dict[str, Any], _files: Files) -> Configuration:
    """The configuration with every default filled in; a limit that contradicts itself or another is left out."""
    problems: list[Problem] = []
    limits: dict[str, dict[str, Any]] = {}
    for i, given in enumerate(config["limits"]):
        limit, found = _limit(given, ("limits", i))
        if given["name"] in limits:
            found.append(Problem("quota", f"another limit is named {given['name']!r}", ("limits", i, "name")))
        if not found:
            limits[given["name"]] = limit
        problems += found
    value = {
        "mode": config.get("mode", "enforce") or "off",  # YAML 1.1 reads `off` as false
        "limits": [*limits.values()],
        "max_keys": config.get("max_keys", 1000),
        "headers": config.get("headers", True),
        "status": config.get("status", 429),
    }
    return Configuration(value, tuple(problems))


def _limit(given: dict[str, Any], path: tuple[str | int, ...]) -> tuple[dict[str, Any], list[Problem]]:
    key = given.get("key", [])
    problems = _windows(given, path)
    overrides: dict[tuple[str, ...], dict[str, Any]] = {}
    for i, override in enumerate(given.get("overrides", [])):
        place = (*path, "overrides", i)
        values = tuple(override["values"])
        problems += _windows(override, place)
        if len(values) != len(key):
            message = f"the key has {len(key)} parts, and this has {len(values)} values"
            problems.append(Problem("quota", message, (*place, "values")))
        elif values in overrides:
            problems.append(Problem("quota", "another override has the same values", (*place, "values")))
        else:
            overrides[values] = {"values": [*values], **_bucket({"window": given["window"], **override})}
    limit = {
        "name": given["name"],
        "key": key,
        "mode": given.get("mode", "enforce"),
        "absent": given.get("absent", "count"),
        "overrides": [*overrides.values()],
        **_bucket(given),
    }
    return limit, problems


def _windows(given: dict[str, Any], path: tuple[str | int, ...]) -> list[Problem]:
    if "window" not in given or _milliseconds(given["window"]) >= MIN_WINDOW:
        return []
    return [Problem("quota", f"a window of {given['window']} is shorter than {MIN_WINDOW}ms", (*path, "window"))]


def _bucket(given: dict[str, Any]) -> dict[str, int]:
    requests = given["requests"]
    return {"requests": requests, "burst": given.get("burst", requests), "window": _milliseconds(given["window"])}


def _milliseconds(window: str) -> int:
    match = _WINDOW.fullmatch(window)
    assert match, "the schema has the same pattern"  # noqa: S101
    return int(match[1]) * _UNITS[match[2]]
