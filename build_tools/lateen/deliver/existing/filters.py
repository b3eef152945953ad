"""Filters of the suite as entries of a connection manager's `http_filters`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from lateen.deliver.existing.placement import Addition, filter_name, place
from lateen.deliver.existing.sites import Site, inner, read
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes.existing import NAME_TAKEN
from lateen.filterkit.catalog import Filter, catalog
from lateen.model.proxy import Proxy
from lateen.xds.filters import metadata_exchange
from lateen.xds.filters.wasm import suite_extension


def addition(suite: Filter, config: Any, modules: str | None) -> Addition:
    """A filter with what it gets. `modules` is the folder that Envoy finds modules in; None puts them inline."""
    name = filter_name(suite.name)
    proxy = Proxy(suite.name, metadata={"LATEEN_MODULE_DIR": modules or ""})
    extension = suite_extension(proxy, name, suite, config)
    if suite.kind == "wasm" and modules is None:
        code = {"local": {"inline_bytes": base64.b64encode(suite.module()).decode()}}
        extension["typed_config"]["config"]["vm_config"]["code"] = code
    return Addition(suite.phase, extension)


def exchange(proxy: Proxy, modules: str | None) -> Addition:
    """`peer_metadata`, which tells peers who this proxy is."""
    return addition(catalog()[metadata_exchange.FILTER], metadata_exchange.configuration(proxy), modules)


def put_in(site: Site, additions: list[Addition]) -> Iterator[Diagnostic]:
    """Put filters into a connection manager, and into the chains of its own that upgrades have.

    A finding for each whose name is that of something else there.
    """
    if not additions:
        return
    taken = place(inner(site.config, "http_filters", list), additions)
    for upgrade in read(site.config, "upgrade_configs", []):
        if read(upgrade, "filters"):
            taken += place(upgrade["filters"], additions)
    for name in dict.fromkeys(taken):
        problem = "a filter of that name and of another type stands there, and stays"
        yield NAME_TAKEN.at(site.file.origin(site.path), name=name, problem=problem)
