"""What is wrong with a `filter.yaml`, at its lines: the catalogue, a leaf, only says that something is."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.filterkit import BAD_DESCRIPTION
from lateen.filterkit.catalog import schema
from lateen.source.yaml import parse


def faults(path: Path, problem: str) -> list[Diagnostic]:
    """Every fault by the schema (LAT0602), else `problem`, of which that does not know; YAML has codes of its own."""
    documents, found = parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if found or len(documents) != 1:
        return found or [BAD_DESCRIPTION.at(Origin(str(path)), problem="it must be one document")]
    [document] = documents
    found = [
        BAD_DESCRIPTION.at(document.origin(tuple(error.instance_path)), problem=error.message)
        for error in jsonschema_rs.validator_for(schema("filter")).iter_errors(document.data)
    ]
    return found or [BAD_DESCRIPTION.at(document.origin(("name",)), problem=problem)]
