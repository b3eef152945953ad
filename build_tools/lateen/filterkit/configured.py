"""The configuration of a filter in a file, and what the filter gets for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes.workbench import REFUSED_CONFIGURATION
from lateen.filterkit.catalog import Filter
from lateen.filterkit.configuration import Problem
from lateen.schema.path import steps_of
from lateen.source.document import Document
from lateen.source.read import read_file
from lateen.source.yaml import parse


@dataclass(frozen=True, slots=True)
class Configured:
    """`value` is what the filter gets for what was `written`; most filters get it as it is."""

    written: Any
    value: Any


def read_configuration(path: Path) -> Document:
    """The one document of a YAML (or JSON) file; an empty file is {}.

    Raises MeshError if it is no YAML or has several documents (LAT0692), OSError if it cannot be read.
    """
    source = read_file(path)
    if isinstance(source, Diagnostic):
        raise MeshError((source,))
    documents, faults = parse(source.text, source.name)
    if len(documents) > 1:
        problem = f"one document is expected, there are {len(documents)}"
        faults.append(REFUSED_CONFIGURATION.at(documents[1].origin(), problem=problem))
    if faults:
        raise MeshError(tuple(faults))
    return documents[0] if documents else Document({}, source.name)


def configured(suite: Filter, document: Document) -> tuple[Configured, list[Diagnostic]]:
    """What a filter gets for a configuration, and a finding (LAT0692) for each fault.

    Faults are of the filter's schema or, for what is compiled, of the files that the configuration names. A document
    without a file is what nobody wrote: the empty configuration.
    """
    written = document.data
    compiled = suite.configuration(written, suite.files(written, Path(document.file).parent))
    problems = [
        *(
            Problem("document", f"{path}: {text}" if path else text, steps_of(path))
            for path, text in suite.problems(written)
        ),
        *compiled.problems,
    ]
    return Configured(written, compiled.value), [_finding(suite, document, problem) for problem in problems]


def _finding(suite: Filter, document: Document, problem: Problem) -> Diagnostic:
    if not document.file:
        return REFUSED_CONFIGURATION.at(Origin(), problem=f"{suite.name} without a configuration: {problem.message}")
    place = f"{problem.file}: " if problem.file else ""
    origin = replace(document.origin(problem.path), secret=suite.has_secrets)
    return REFUSED_CONFIGURATION.at(origin, problem=f"{place}{problem.message}")
