"""HTTP filters of a connection manager."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lateen.diagnostics.codes.verify import ROUTER_NOT_LAST
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each connection manager whose last filter is not the router, or that has it elsewhere too."""
    for node in nodes:
        if node.type == MANAGER:
            problem = _problem(node.value.get("http_filters") or [])
            if problem:
                yield Problem(ROUTER_NOT_LAST, f"{node.path}.http_filters".removeprefix("."), {"problem": problem})


def _problem(filters: Sequence[dict[str, Any]]) -> str:
    if not filters:
        return "is empty"
    *others, last = filters
    early = next((given for given in others if _is_router(given)), None)
    if early is not None:
        return f"has {filters[filters.index(early) + 1].get('name')} after the router"
    if not _is_router(last) and not (last.get("typed_config") or {}).get("terminal_filter"):
        return f"ends with {last.get('name')}, which is not the router"
    return f"has the router {last.get('name')} disabled" if last.get("disabled") else ""


def _is_router(given: dict[str, Any]) -> bool:
    types = [(given.get("typed_config") or {}).get("@type", "")]
    types += (given.get("config_discovery") or {}).get("type_urls") or []
    return any(url.rpartition("/")[2] == _ROUTER for url in types)
