"""Weights of the clusters of a route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lateen.diagnostics.codes.verify import BAD_WEIGHTS
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_WEIGHTED = "envoy.config.route.v3.WeightedCluster"


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each weighted cluster whose weights sum to nothing, or to more than 32 bits hold."""
    for node in nodes:
        if node.type == _WEIGHTED:
            total = sum(int(cluster.get("weight") or 0) for cluster in node.value.get("clusters", ()))
            if not 0 < total < 2**32:
                yield Problem(BAD_WEIGHTS, node.path, {"total": total})
