"""Every configuration source says V3; Envoy takes AUTO and V2 without a word when it loads a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lateen.diagnostics.codes.verify import NOT_V3
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_VERSION_FIELDS = {
    "envoy.config.core.v3.ConfigSource": "resource_api_version",
    "envoy.config.core.v3.ApiConfigSource": "transport_api_version",
}


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each source whose version is another or not given."""
    for node in nodes:
        field = _VERSION_FIELDS.get(node.type)
        if field and (version := node.value.get(field, "AUTO")) not in ("V3", 2):
            yield Problem(NOT_V3, f"{node.path}.{field}".removeprefix("."), {"version": version})
