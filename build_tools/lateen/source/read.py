"""Files, folders, standard input and text to documents."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.document import Document, LocatedList, LocatedMap, Source
from lateen.source.files import find_files
from lateen.source.yaml import parse

MESH_CONFIG_FILE = "mesh.yaml"
_ENCODINGS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the sources hold. `mesh_config` is a `mesh.yaml` without kind, or the ConfigMap `istio` with the key `mesh`.

    The ConfigMap is in `documents` too.
    """

    documents: tuple[Document, ...]
    mesh_config: Document | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def read(*sources: Path | str | Source, recursive: bool = False) -> Loaded:
    """Read every source, in the order given.

    A Path or a one-line str is a file, or a folder: its `*.yaml` and `*.yml` without hidden files, by name, and with
    `recursive` those of its subfolders; or what its kustomization lists. A file is read once. `-` is standard input. A
    str with a newline is YAML text. `kind: List` is replaced by its items.
    Raises OSError if a file cannot be read; everything else that is wrong is a finding.
    """
    documents: list[Document] = []
    configs: list[Document] = []
    found: list[Diagnostic] = []
    for text, namespace in _texts(sources, recursive):
        if isinstance(text, Diagnostic):
            found.append(text)
            continue
        read_here, faults = parse(text.text, text.name) if isinstance(text, Source) else ([text], [])
        found += faults
        for document in read_here:
            if _is_mesh_config_file(document):
                configs.append(document)
            else:
                documents += (_in_namespace(item, namespace) for item in _items(document))
    configs += [document for document in documents if is_mesh_config_map(document.data)]
    found += [
        codes.SECOND_MESH_CONFIG.at(second.origin(), other=configs[0].origin(), related=(configs[0].origin(),))
        for second in configs[1:]
    ]
    if not documents and not configs and not found and not _only_text(sources):
        place = ", ".join(str(source) for source in sources) or "no sources"
        origin = Origin(str(sources[0])) if len(sources) == 1 else Origin()
        hint = "a folder is its *.yaml and *.yml files; -R adds those of its subfolders"
        found.append(codes.NO_DOCUMENTS.at(origin, place=place, hint=hint))
    return Loaded(tuple(documents), configs[0] if configs else None, tuple(found))


def located(sources: Iterable[Path | str | Source]) -> list[Path]:
    """The sources that are files and folders."""
    return [Path(source) for source in sources if not isinstance(source, Source) and not _is_text(source)]


def is_mesh_config_map(data: Any) -> bool:
    """Whether it is the ConfigMap that istiod reads its MeshConfig from."""
    if not isinstance(data, dict) or data.get("kind") != "ConfigMap":
        return False
    metadata, texts = data.get("metadata"), data.get("data")
    named = isinstance(metadata, dict) and metadata.get("name") == "istio"
    return named and isinstance(texts, dict) and isinstance(texts.get("mesh"), str)


def _is_mesh_config_file(document: Document) -> bool:
    data = document.data
    kindless = isinstance(data, dict) and "kind" not in data and "apiVersion" not in data
    return kindless and Path(document.file).name == MESH_CONFIG_FILE


def _only_text(sources: tuple[Path | str | Source, ...]) -> bool:
    """A program may give an empty text on purpose; an empty file on a command line is a mistake."""
    return bool(sources) and all(isinstance(s, Source) or (isinstance(s, str) and "\n" in s) for s in sources)


def _texts(
    sources: tuple[Path | str | Source, ...], recursive: bool
) -> Iterator[tuple[Source | Document | Diagnostic, str]]:
    """Texts, generated documents and faults, each with the namespace that a kustomization puts it into."""
    anonymous = 0
    for text, group in groupby(sources, _is_text):
        if not text:
            yield from _from_files(tuple(str(source) for source in group), recursive)
            continue
        for source in group:
            if isinstance(source, Source):
                yield source, ""
            elif source == "-":
                yield _decode(sys.stdin.buffer.read(), "<stdin>"), ""
            else:
                anonymous += 1
                yield Source(str(source), "<text>" if anonymous == 1 else f"<text {anonymous}>"), ""


def _is_text(source: Path | str | Source) -> bool:
    return isinstance(source, Source) or source == "-" or (isinstance(source, str) and "\n" in source)


def _from_files(sources: tuple[str, ...], recursive: bool) -> Iterator[tuple[Source | Document | Diagnostic, str]]:
    files = find_files(sources, recursive=recursive)
    for finding in files.diagnostics:
        yield finding, ""
    for part, namespace in files.parts:
        yield part if isinstance(part, Document) else read_file(part), namespace


def _in_namespace(document: Document, namespace: str) -> Document:
    """The document with the namespace that a kustomization gives it, a Namespace with it as its name.

    The namespace of other kinds without one is not looked at.
    """
    if not namespace or not isinstance(document.data, LocatedMap):
        return document
    metadata = document.data.get("metadata")
    if not isinstance(metadata, LocatedMap):
        return document
    data, moved = document.data.copy(), metadata.copy()
    moved["name" if data.get("kind") == "Namespace" else "namespace"] = namespace
    data["metadata"] = moved
    return replace(document, data=data)


def read_file(path: Path) -> Source | Diagnostic:
    """The text of one file, under its name, or why it is none. Raises OSError if it cannot be read."""
    return _decode(path.read_bytes(), str(path))


def _decode(content: bytes, name: str) -> Source | Diagnostic:
    bom, encoding = next(((b, e) for b, e in _ENCODINGS if content.startswith(b)), (b"", "UTF-8"))
    try:
        return Source(content[len(bom) :].decode(encoding), name)
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode(encoding, "replace")
        origin = Origin(name, good.count("\n") + 1, len(good) - good.rfind("\n"))
        return codes.NOT_TEXT.at(origin, byte=error.object[error.start], encoding=encoding)


def _items(document: Document) -> Iterator[Document]:
    """The document itself, or the items of a `List`; each item is a document with its own place."""
    data = document.data
    if not isinstance(data, LocatedMap) or not str(data.get("kind", "")).endswith("List") or "items" not in data:
        yield document
        return
    items = data["items"]
    if items is None:
        return
    if not isinstance(items, LocatedList):
        yield document
        return
    for item, (line, _) in zip(items, items.marks, strict=True):
        if item is not None:
            yield from _items(replace(document, data=item, line=line))
