"""Filters of the suite by name, each with a configuration that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lateen.api.nearest import suggestion
from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes.filterkit import UNKNOWN_FILTER
from lateen.filterkit.catalog import Filter, catalog, unbuilt
from lateen.filterkit.configured import configured, read_configuration
from lateen.source.document import Document


def chosen(given: Iterable[tuple[str, str]]) -> tuple[list[tuple[Filter, Any]], list[Diagnostic]]:
    """The filters of those names with what they get for what their files hold; an empty file name is an empty
    configuration.

    A filter that is named twice counts as it was named last. Raises OSError if a file cannot be read.
    """
    filters: dict[str, tuple[Filter, Any]] = {}
    found: list[Diagnostic] = []
    for name, file in given:
        suite = catalog().get(name)
        if suite is None:
            hint = suggestion(name, catalog()) or f"there are {', '.join(catalog())}"
            found.append(UNKNOWN_FILTER.at(Origin(), name=name, hint=hint))
            continue
        if missing := unbuilt(suite):
            found += missing
            continue
        try:
            document = read_configuration(Path(file)) if file else Document({}, "")
        except MeshError as error:
            found += error.diagnostics
            continue
        config, faults = configured(suite, document)
        found += faults
        if not faults:
            filters[name] = suite, config.value
    return list(filters.values()), found
