"""Files of configuration to files of configuration: the one pure function of `lateen patch`.

It adds and replaces what is its own, and takes nothing away. Done twice it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lateen.deliver.existing import bootstrap as boot
from lateen.deliver.existing.configuration import Configuration, plain
from lateen.deliver.existing.filters import addition, exchange, put_in
from lateen.deliver.existing.placement import Addition
from lateen.deliver.existing.sites import MANAGER, Site, bootstrap, read, sites
from lateen.deliver.existing.telemetry import chain, direction, measure
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes.existing import NO_PLACE
from lateen.filterkit.catalog import Filter, catalog
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.bootstrap import PROMETHEUS_PORT, address
from lateen.xds.filters.chain import Direction
from lateen.xds.filters.metadata_exchange import FILTER
from lateen.xds.snapshot import Config


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be put in.

    `filters` are filters of the suite with their configurations. With `proxy`, Istio's telemetry is put in too, under
    its name, namespace and labels. `direction` is that of listeners without `traffic_direction`. `listeners` are the
    names of those to patch (empty: all). `modules` is the folder that Envoy finds modules in; None puts them inline.
    `prometheus` is the address of the listener for Prometheus, None where there shall be none.
    """

    filters: tuple[tuple[Filter, Any], ...] = ()
    proxy: Proxy | None = None
    direction: Direction = Direction.GATEWAY
    listeners: frozenset[str] = frozenset()
    modules: str | None = "/etc/lateen/modules"
    prometheus: Config | None = field(default_factory=lambda: address("0.0.0.0", PROMETHEUS_PORT))  # noqa: S104

    @property
    def loads(self) -> tuple[Filter, ...]:
        """The Wasm filters that are put in, whose modules Envoy loads."""
        named = {suite.name: suite for suite, _ in self.filters}
        if self.proxy:
            named[FILTER] = catalog()[FILTER]
        return tuple(suite for suite in named.values() if suite.kind == "wasm")


def patch(
    files: Sequence[Configuration], wanted: Wanted, schema: Schema
) -> tuple[list[Configuration], list[Diagnostic]]:
    """The files with everything in them, and what stands in the way (an error: they are not to be used)."""
    patched = [replace(file, config=plain(file.config)) for file in files]
    found = [site for site in sites(patched, schema) if _is_meant(site, wanted)]
    if fault := _no_place(patched, found, wanted):
        return patched, [fault]
    findings: list[Diagnostic] = []
    for site in found:
        way = direction(site, wanted.direction)
        if site.type == MANAGER:
            findings += put_in(site, _additions(wanted, way))
        if wanted.proxy:
            measure(site, chain(wanted.proxy, way))
    return patched, [*findings, *_prepare(patched, wanted, schema)]


def _prepare(files: Sequence[Configuration], wanted: Wanted, schema: Schema) -> Iterator[Diagnostic]:
    if wanted.loads:
        yield from boot.include(files)
    if wanted.proxy:
        yield from boot.register(files)
        if wanted.prometheus:
            yield from boot.expose(files, wanted.prometheus, schema)


def _additions(wanted: Wanted, way: Direction) -> list[Addition]:
    given = [addition(suite, config, wanted.modules) for suite, config in wanted.filters]
    if wanted.proxy and FILTER not in (suite.name for suite, _ in wanted.filters):
        return [exchange(chain(wanted.proxy, way).scope.proxy, wanted.modules), *given]
    return given


def _is_meant(site: Site, wanted: Wanted) -> bool:
    return not wanted.listeners or read(site.listener, "name") in wanted.listeners


def _no_place(files: Sequence[Configuration], found: Sequence[Site], wanted: Wanted) -> Diagnostic | None:
    """The finding if there is nothing that the filters or the telemetry could be put into."""
    here = files[0].origin()
    missing = wanted.listeners - {str(read(site.listener, "name")) for site in found}
    if missing:
        where = f"in a listener named {', '.join(sorted(missing))}"
        return NO_PLACE.at(here, what="HTTP connection manager or TCP proxy", where=where, hint=_advice(files))
    if wanted.filters and all(site.type != MANAGER for site in found):
        return NO_PLACE.at(here, what="HTTP connection manager", where=_places(files), hint=_advice(files))
    if not found:
        what = "HTTP connection manager or TCP proxy"
        return NO_PLACE.at(here, what=what, where=_places(files), hint=_advice(files))
    return None


def _places(files: Sequence[Configuration]) -> str:
    return f"in {', '.join(str(file.path) for file in files)}"


def _advice(files: Sequence[Configuration]) -> str:
    """Where listeners are instead, by the bootstrap's own word."""
    file = bootstrap(files)
    source = read(read(file.config, "dynamic_resources"), "lds_config") if file else None
    path = read(read(source, "path_config_source"), "path") or read(source, "path")
    if path:
        return f"listeners are in {path}: name that file too"
    if source:
        return "listeners come from a control plane: it must put the filters in"
    return "filters stand in HTTP connection managers; a TCP proxy takes telemetry only"
