"""Rules on one resource, one module for each concern. A rule looks at all messages of the resource at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lateen.schema.walk import Node
from lateen.verification.problem import Problem
from lateen.verification.rules import (
    addresses,
    api_version,
    connection_managers,
    filter_chains,
    regexes,
    virtual_hosts,
    weights,
)

Rule = Callable[[Sequence[Node]], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    addresses.check,
    api_version.check,
    connection_managers.check,
    filter_chains.check,
    regexes.check,
    virtual_hosts.check,
    weights.check,
)
