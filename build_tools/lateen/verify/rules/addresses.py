"""Addresses of one listener; those of different listeners are compared where all of them are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lateen.diagnostics.codes.verify import ADDRESS_TAKEN
from lateen.schema.walk import Node
from lateen.verify.problem import Problem

_LISTENER = "envoy.config.listener.v3.Listener"


def addresses(listener: dict[str, Any]) -> list[str]:
    """Every address of a listener that two of them cannot share, as `tcp 127.0.0.1:80`."""
    given = [listener.get("address"), *(more.get("address") for more in listener.get("additional_addresses") or ())]
    return [text for address in given if (text := _text(address or {}))]


def _text(address: dict[str, Any]) -> str:
    if pipe := address.get("pipe"):
        return f"unix {pipe.get('path')}"
    socket = address.get("socket_address") or {}
    port = socket.get("port_value")
    return f"{socket.get('protocol', 'TCP').lower()} {socket.get('address')}:{port}" if port else ""


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each address that the listener itself has twice."""
    for node in nodes:
        if node.type == _LISTENER:
            known: set[str] = set()
            for address in addresses(node.value):
                if address in known:
                    yield Problem(ADDRESS_TAKEN, node.path, {"address": address, "other": "itself"})
                known.add(address)
