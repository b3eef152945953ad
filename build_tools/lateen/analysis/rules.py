"""Every rule, in one table: a rule that is not here does not run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lateen.analysis import (
    destination_rules,
    empty_services,
    extensions,
    gateway_references,
    gateway_servers,
    ignored_resources,
    modules,
    principals,
    providers,
    selectors,
    shadowed_hosts,
    shared_tcp_ports,
    unknown_host,
    unknown_subset,
    unreachable_rules,
    weights,
)
from lateen.diagnostics import Code, Diagnostic
from lateen.model.mesh import Mesh


class Rule(Protocol):
    """A module that looks for one kind of fault: `CODES` are all it can report, `find` reads the mesh only."""

    @property
    def CODES(self) -> tuple[Code, ...]:  # noqa: N802
        """The codes that the rule reports."""

    def find(self, mesh: Mesh, /) -> Iterable[Diagnostic]:
        """The findings, in any order."""


RULES: tuple[Rule, ...] = (
    unknown_host,
    unknown_subset,
    gateway_references,
    gateway_servers,
    destination_rules,
    selectors,
    principals,
    weights,
    shadowed_hosts,
    shared_tcp_ports,
    empty_services,
    providers,
    ignored_resources,
    unreachable_rules,
    extensions,
    modules,
)
