"""What is wrong with a `filter.yaml`, at its lines: the catalogue, a leaf, only says that something is."""

from __future__ import annotations

import jsonschema_rs

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.filterkit import BAD_DESCRIPTION
from lateen.filterkit.catalog import DescriptionError, schema
from lateen.source.read import read_file
from lateen.source.yaml import parse


def faults(error: DescriptionError) -> list[Diagnostic]:
    """Every fault by the schema (LAT0602), else the problem of the error, of which that does not know; text and YAML
    have codes of their own.
    """
    source = read_file(error.path)
    if isinstance(source, Diagnostic):
        return [source]
    documents, found = parse(source.text, source.name)
    if found or len(documents) != 1:
        return found or [BAD_DESCRIPTION.at(Origin(source.name), problem="it must be one document")]
    [document] = documents
    found = [
        BAD_DESCRIPTION.at(document.origin(tuple(fault.instance_path)), problem=fault.message)
        for fault in jsonschema_rs.validator_for(schema("filter")).iter_errors(document.data)
    ]
    if found:
        return found
    hint = "" if error.at else "put dates, and keys that are numbers or booleans, in quotes"
    return [BAD_DESCRIPTION.at(document.origin(error.at), problem=error.problem, hint=hint)]
