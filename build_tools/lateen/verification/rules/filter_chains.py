"""Filter chains of one listener: no two may match the same connection equally well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import islice, product
from typing import Any

from lateen.diagnostics.codes.verify import CHAINS_OVERLAP
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_LISTENER = "envoy.config.listener.v3.Listener"
_LARGEST = 100_000  # combinations of one listener; beyond it Envoy alone decides


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each chain that shares a combination of criteria with an earlier one.

    That is Envoy's own test: it spreads each match into all combinations of its values and wants no two equal.
    """
    for node in nodes:
        if node.type == _LISTENER and "filter_chain_matcher" not in node.value:
            yield from _check(node)


def _check(node: Node) -> Iterator[Problem]:
    taken: dict[tuple[Any, ...], int] = {}
    chains = node.value.get("filter_chains", ())
    for index, chain in enumerate(chains):
        criteria = _criteria(chain.get("filter_chain_match") or {})
        for combination in islice(product(*criteria.values()), _LARGEST):
            other = taken.setdefault(combination, index)
            if other != index:
                said = [f"{name} {value}" for name, value in zip(criteria, combination, strict=True) if value]
                args = {"other": _title(chains, other), "what": ", ".join(said) or "every connection"}
                yield Problem(CHAINS_OVERLAP, f"{node.path}.filter_chains[{index}]".removeprefix("."), args)
                break


def _title(chains: Sequence[dict[str, Any]], index: int) -> str:
    name = chains[index].get("name")
    return f"filter_chains[{index}]" + (f" ({name})" if name else "")


def _criteria(match: dict[str, Any]) -> dict[str, list[Any]]:
    """Each criterion with its values, one empty value if it does not matter."""
    return {
        "destination_port": [match.get("destination_port") or 0],
        "prefix_ranges": [_network(block) for block in match.get("prefix_ranges") or ()] or [""],
        "server_names": [name.lower() for name in match.get("server_names") or ()] or [""],
        "transport_protocol": [match.get("transport_protocol") or ""],
        "application_protocols": list(match.get("application_protocols") or ()) or [""],
        "direct_source_prefix_ranges": [_network(b) for b in match.get("direct_source_prefix_ranges") or ()] or [""],
        "source_type": [match.get("source_type") or 0],
        "source_prefix_ranges": [_network(block) for block in match.get("source_prefix_ranges") or ()] or [""],
        "source_ports": list(match.get("source_ports") or ()) or [0],
    }


def _network(block: dict[str, Any]) -> str:
    """A CIDR block with its host bits cleared, as Envoy reads it."""
    written = f"{block.get('address_prefix', '')}/{block.get('prefix_len') or 0}"
    try:
        return str(ip_network(written, strict=False))
    except ValueError:
        return written
