"""MeshConfig from a file, a ConfigMap, YAML text or a mapping, held against its schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lateen.api.faults import Faults
from lateen.api.mesh_config_shape import mesh_config
from lateen.api.walk import REJECTED, as_located, compiled
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import api as codes
from lateen.source.document import Document, Source
from lateen.source.embedded import embedded
from lateen.source.read import is_mesh_config_map, read_file
from lateen.source.yaml import parse

_NAME = "MeshConfig"


def check_mesh_config(
    given: Document | Source | Path | Mapping[str, Any] | str | None, strict: bool = True
) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
    """What MeshConfig sets (nothing is filled in), and what is wrong with it.

    `given` is a document (MeshConfig itself or the ConfigMap `istio` with the key `mesh`), the Path of a file that
    holds one, YAML text of one (a `Source` has a name for findings) or a mapping. Findings about a ConfigMap stand at
    the place in the file that holds it. With `strict=False` unknown fields are warnings. Raises OSError if the file
    cannot be read.
    """
    if given is None:
        return {}, ()
    if isinstance(given, Path):
        text = read_file(given)
        if isinstance(text, Diagnostic):
            return {}, (text,)
        given = text
    if isinstance(given, str):
        given = Source(given, "<mesh config>")
    if isinstance(given, Source):
        document, found = _parse(given.text, given.name)
        if document is not None and is_mesh_config_map(document.data):
            document, found = _unpack(document)
    elif isinstance(given, Document):
        document, found = _unpack(given)
    else:
        document, found = Document(as_located(given), "<mesh config>", 0), []
    if document is None:
        return {}, tuple(found)
    shape = mesh_config()
    faults = Faults(document, _NAME, shape, strict=strict)
    if not isinstance(document.data, dict):
        found.append(codes.NOT_MESH_CONFIG.at(document.origin(), given=faults.describe(document.data)))
        return {}, tuple(found)
    config = compiled(shape)(document.data, (), faults)
    return {} if config is REJECTED else config, (*found, *faults.found)


def _parse(text: str, file: str, line: int = 1, column: int = 1) -> tuple[Document | None, list[Diagnostic]]:
    documents, found = parse(text, file, line, column)
    return documents[0] if documents else None, found


def _unpack(document: Document) -> tuple[Document | None, list[Diagnostic]]:
    """MeshConfig out of a ConfigMap; a document of its own is handed back as it is."""
    if not is_mesh_config_map(document.data):
        return document, []
    return embedded(document, ("data", "mesh"))
