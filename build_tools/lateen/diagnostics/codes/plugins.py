"""LAT048x: Python plug-ins that add filters."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

PLUGIN_FAILED = Code(
    "LAT0481",
    Severity.ERROR,
    "Plug-in failed",
    "the plug-in {plugin} {problem}",
    "Its filters are missing from the compiled configuration, so what they were to enforce or record does not happen.",
    example='[project.entry-points."lateen.filters"] naming a module that cannot be imported',
    fix="mend or uninstall the package that provides the plug-in",
)
