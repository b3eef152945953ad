"""Filters that installed Python plug-ins add, at their phase."""

from __future__ import annotations

from collections.abc import Callable

from lateen.xds import plugins
from lateen.xds.filters.chain import Chain
from lateen.xds.snapshot import Config


def of_phase(phase: str) -> Callable[[Chain], list[Config]]:
    """The builder of one phase's filters."""

    def build(chain: Chain) -> list[Config]:
        added = plugins.http_filters(chain.scope.proxy, chain.direction.value)
        return [found.config for found in added if found.phase == phase]

    return build
