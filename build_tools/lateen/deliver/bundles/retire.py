"""Clusters outlive the routes that led to them, so that no request meets a route to nothing."""

from __future__ import annotations

from dataclasses import replace

import orjson

from lateen.deliver.bundles.bundle import File
from lateen.deliver.bundles.file_xds import response

RETIRED_SECONDS = 660.0
"""How long a cluster stays after the last route to it went: Envoy's default `--drain-time-s` (600), and a minute.
Connections that a listener drains keep the routes that they began with."""


def retire(
    clusters: File, before: bytes | None, retired: dict[str, float], now: float
) -> tuple[File, dict[str, float]]:
    """The file with what it lacks of the one before, as long as that is in retirement, and when each went into it.

    `before` is what the file held, `retired` what an earlier run gave. What is no such file counts as absent.
    """
    try:
        old = {config["name"]: config for config in orjson.loads(before or b"")["resources"]}
    except (ValueError, TypeError, KeyError):
        old = {}
    new = orjson.loads(clusters.content)["resources"]
    gone = old.keys() - {config["name"] for config in new}
    since = {name: retired.get(name, now) for name in sorted(gone)}
    since = {name: when for name, when in since.items() if now - when < RETIRED_SECONDS}
    if not since:
        return clusters, {}
    return replace(clusters, content=response("clusters", [*new, *(old[name] for name in since)])), since
