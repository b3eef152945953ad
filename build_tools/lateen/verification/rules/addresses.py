"""Addresses that listeners claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lateen.diagnostics.codes.verify import ADDRESS_TAKEN
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_LISTENER = "envoy.config.listener.v3.Listener"


def claims(nodes: Sequence[Node]) -> Iterator[tuple[str, str]]:
    """Each listener's name with each address (`tcp 127.0.0.1:80`) that no other listener may have."""
    for node in nodes:
        if node.type == _LISTENER:
            yield from ((node.value.get("name", ""), address) for address in dict.fromkeys(_addresses(node.value)))


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each address that a listener itself has twice."""
    for node in nodes:
        if node.type == _LISTENER:
            given = _addresses(node.value)
            for address in dict.fromkeys(address for address in given if given.count(address) > 1):
                yield Problem(ADDRESS_TAKEN, node.path, {"address": address, "other": "the same listener"})


def _addresses(listener: dict[str, Any]) -> list[str]:
    given = [listener.get("address"), *(more.get("address") for more in listener.get("additional_addresses", ()))]
    return [text for address in given if (text := _text(address or {}))]


def _text(address: dict[str, Any]) -> str:
    if pipe := address.get("pipe"):
        return f"unix {pipe.get('path')}"
    socket = address.get("socket_address") or {}
    port = socket.get("port_value")
    return f"{socket.get('protocol', 'TCP').lower()} {socket.get('address')}:{port}" if port else ""
