"""Extensions that name a filter of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import analyze as codes
from lateen.diagnostics.codes import operations
from lateen.filterkit.configuration import Problem
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.source.document import field_path
from lateen.source.yaml import parse

_KINDS = {
    "unreadable": operations.FILE_UNREADABLE,
    "document": operations.BAD_OPENAPI,
    "ambiguous": operations.AMBIGUOUS_OPERATION,
    "limit": operations.OPERATION_LIMIT,
    "quota": operations.QUOTA_CONTRADICTION,
}
"""The code of each kind of problem that a compiler of configurations finds."""
CODES = (codes.UNKNOWN_FILTER, codes.FILTER_CONFIG, *_KINDS.values())


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each `lateen://` extension whose filter does not exist, or refuses its configuration."""
    for extension in mesh.extensions:
        if extension.suite_name:
            yield from _faults(extension)


def unknown_filter(extension: Extension) -> Diagnostic | None:
    """That the suite does not have the filter that a `lateen://` URL names."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    name = extension.suite_name
    if not name or name in catalog():
        return None
    hint = f"the suite has {', '.join(sorted(catalog()))}"
    return codes.UNKNOWN_FILTER.at(extension.ref.at(extension.section, "url"), hint=hint, name=name)


def _faults(extension: Extension) -> Iterator[Diagnostic]:
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    found = catalog().get(extension.suite_name)
    if found is None:
        yield from filter(None, (unknown_filter(extension),))
        return
    for path, problem in found.problems(extension.config):
        where = replace(extension.ref.at(extension.section, "pluginConfig", path), secret=found.has_secrets)
        yield codes.FILTER_CONFIG.at(where, problem=problem)
    for fault in found.configuration(extension.config, dict(extension.files)).problems:
        yield _KINDS[fault.kind].at(_place(extension, fault), problem=_told(fault))


def _place(extension: Extension, fault: Problem) -> Origin:
    """Where the fault is: in the mesh, or in the file that the configuration names."""
    in_mesh = ((*extension.section.split("."), "pluginConfig", *fault.path), extension.ref.document)
    text = dict(extension.files).get(fault.file)
    if text is None:
        path, document = in_mesh
        return document.origin(path) if document else extension.ref.origin
    file = str(Path(extension.ref.origin.file).parent / fault.file)
    documents, broken = parse(text, file)
    if not fault.file_path and broken:
        return broken[0].origin
    return documents[0].origin(fault.file_path, key=True) if documents else Origin(file)


def _told(fault: Problem) -> str:
    path = field_path(fault.file_path or fault.path)
    return f"{path}: {fault.message}" if fault.file_path else fault.message
