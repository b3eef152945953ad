"""The configuration of a filter in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lateen.diagnostics import MeshError, Origin


def read_configuration(path: Path) -> Any:
    """The one document of a YAML (or JSON) file; an empty file is {}.

    Raises MeshError if it is no YAML or has several documents (LAT0692), OSError if it cannot be read.
    """
    from lateen.diagnostics.codes import workbench  # noqa: PLC0415
    from lateen.source.yaml import parse  # noqa: PLC0415

    documents, findings = parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if findings:
        raise MeshError(tuple(findings))
    if len(documents) > 1:
        problem = f"one document is expected, there are {len(documents)}"
        raise MeshError((workbench.REFUSED_CONFIGURATION.at(Origin(str(path)), problem=problem),))
    return documents[0].data if documents else {}
