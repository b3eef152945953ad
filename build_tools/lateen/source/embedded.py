"""YAML inside of YAML: a text that a document holds, as a document of its own."""

from __future__ import annotations

from dataclasses import replace

from lateen.diagnostics import Diagnostic
from lateen.source.document import Document, LocatedMap, Path
from lateen.source.yaml import parse


def embedded(document: Document, path: Path) -> tuple[Document | None, list[Diagnostic]]:
    """The document that the text at `path` holds (None if there is no text), and what is wrong with it.

    Its nodes have their places in the file where the text is in literal style, else all of them that of the text.
    """
    owner, key = document.data, str(path[-1])
    for step in path[:-1]:
        owner = owner[step] if isinstance(owner, dict) and step in owner else None
    text = owner.get(key) if isinstance(owner, dict) else None
    if not isinstance(text, str):
        return None, []
    if isinstance(owner, LocatedMap) and key in owner.literals:
        documents, found = parse(text, document.file, *owner.literals[key])
        return documents[0] if documents else None, found
    documents, found = parse(text, document.file)  # quoted or folded: its lines are not those of the file
    place = document.origin(path)
    found = [replace(finding, origin=place, related=()) for finding in found]
    inner = documents[0] if documents else None
    if inner is None or not isinstance(inner.data, LocatedMap):
        return inner, found
    pinned = LocatedMap(place.line, place.column)
    pinned.update(inner.data)
    return Document(pinned, document.file, place.line), found
