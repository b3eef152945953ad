"""Extensions that name a filter of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import analyze as codes
from lateen.diagnostics.codes import operations
from lateen.filterkit.configuration import Problem
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.source.document import field_path
from lateen.source.yaml import parse

SCHEME = "lateen://"
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
        if extension.url.startswith(SCHEME):
            yield from _faults(extension)


def _faults(extension: Extension) -> Iterator[Diagnostic]:
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    filters = catalog()
    name = extension.url.removeprefix(SCHEME)
    section = "spec.wasm" if extension.ref.kind == "TrafficExtension" else "spec"
    found = filters.get(name)
    if found is None:
        hint = f"the suite has {', '.join(sorted(filters))}"
        yield codes.UNKNOWN_FILTER.at(extension.ref.at(section, "url"), hint=hint, name=name)
        return
    for path, problem in found.problems(extension.config):
        steps = [step for step in str(path).strip("/").replace("/", ".").split(".") if step]
        where = [int(step) if step.isdecimal() else step for step in steps]
        yield codes.FILTER_CONFIG.at(extension.ref.at(section, "pluginConfig", *where), problem=problem)
    for fault in found.configuration(extension.config, dict(extension.files)).problems:
        yield _KINDS[fault.kind].at(_place(extension, section, fault), problem=_told(fault))


def _place(extension: Extension, section: str, fault: Problem) -> Origin:
    """Where the fault is: in the mesh, or in the file that the configuration names."""
    in_mesh = ((*section.split("."), "pluginConfig", *fault.path), extension.ref.document)
    text = dict(extension.files).get(fault.file)
    if text is None:
        path, document = in_mesh
        return document.origin(path) if document else extension.ref.origin
    file = str(Path(extension.ref.origin.file).parent / fault.file)
    documents, broken = parse(text, file)
    if not fault.file_path and broken:
        return broken[0].origin
    return documents[0].origin(fault.file_path) if documents else Origin(file)


def _told(fault: Problem) -> str:
    path = field_path(fault.file_path or fault.path)
    return f"{path}: {fault.message}" if fault.file_path else fault.message
