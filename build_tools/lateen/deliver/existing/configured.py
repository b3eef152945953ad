"""Filters of the suite by name, each with a configuration that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lateen.api.nearest import suggestion
from lateen.deliver.existing.configuration import plain
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.existing import BAD_FILTER
from lateen.diagnostics.codes.filterkit import NOT_BUILT, UNKNOWN_FILTER
from lateen.filterkit.catalog import Filter, catalog
from lateen.filterkit.configuration import Problem
from lateen.schema.path import steps_of
from lateen.source.document import Document
from lateen.source.read import read_file
from lateen.source.yaml import parse


def configured(given: Iterable[tuple[str, str]]) -> tuple[list[tuple[Filter, Any]], list[Diagnostic]]:
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
        document, faults = _read(file)
        faults += _refusals(suite, document)
        config = plain(document.data)
        compiled = suite.configuration(config, suite.files(config, Path(file).parent))
        faults += (_problem(suite, document, problem) for problem in compiled.problems)
        found += faults
        if not faults:
            filters[name] = suite, compiled.value
    return list(filters.values()), found


def _read(file: str) -> tuple[Document, list[Diagnostic]]:
    nothing = Document({}, file)
    if not file:
        return nothing, []
    source = read_file(Path(file))
    if isinstance(source, Diagnostic):
        return nothing, [source]
    documents, faults = parse(source.text, source.name)
    if len(documents) > 1:
        faults.append(BAD_FILTER.at(documents[1].origin(), name=file, problem="one configuration is one document"))
    return (documents[0] if documents else nothing), faults


def _refusals(suite: Filter, document: Document) -> list[Diagnostic]:
    """Why a filter cannot be put in with that configuration."""
    if suite.kind == "wasm" and not suite.built:
        return [NOT_BUILT.at(Origin(), name=suite.name, hint=f"lateen filters build {suite.name}")]
    return [
        BAD_FILTER.at(document.origin(steps_of(path)), name=suite.name, problem=f"{path}: {text}" if path else text)
        for path, text in suite.problems(document.data)
    ]


def _problem(suite: Filter, document: Document, problem: Problem) -> Diagnostic:
    """What its compiler finds wrong, also in a file that the configuration names."""
    place = f"{problem.file}: " if problem.file else ""
    return BAD_FILTER.at(document.origin(problem.path), name=suite.name, problem=f"{place}{problem.message}")
