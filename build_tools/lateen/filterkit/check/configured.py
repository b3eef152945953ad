"""A configuration as a person writes it, and what the filter gets for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import workbench
from lateen.filterkit.catalog import Filter


@dataclass(frozen=True, slots=True)
class Configured:
    """`value` is what the filter gets for what was `written`; most filters get it as it is."""

    written: Any
    value: Any


def configured(suite: Filter, file: str, written: Any) -> tuple[Configured, list[Diagnostic]]:
    """What a filter gets for the configuration in `file`, and a finding (LAT0692) for each fault.

    Faults are of the filter's schema or, for what is compiled, of the files that the configuration names.
    """
    problems = [f"{path}: {message}" if path else message for path, message in suite.problems(written)]
    if problems:
        return Configured(written, written), [_finding(file, problem) for problem in problems]
    compiled = suite.configuration(written, suite.files(written, Path(file).parent))
    problems = [
        f"{problem.file}: {problem.message}" if problem.file else problem.message for problem in compiled.problems
    ]
    return Configured(written, compiled.value), [_finding(file, problem) for problem in problems]


def _finding(file: str, problem: str) -> Diagnostic:
    return workbench.REFUSED_CONFIGURATION.at(Origin(file), problem=problem)
