"""Files, folders, standard input and text to documents."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from errno import ENOENT
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.document import Document, LocatedList, LocatedMap, Source
from lateen.source.yaml import parse

MESH_CONFIG_FILE = "mesh.yaml"
_SUFFIXES = (".yaml", ".yml")
_ENCODINGS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the sources hold. `mesh_config` is a `mesh.yaml` without kind, or the ConfigMap `istio` with the key `mesh`.

    The ConfigMap is in `documents` too.
    """

    documents: tuple[Document, ...]
    mesh_config: Document | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def read(*sources: Path | str | Source) -> Loaded:
    """Read every source, in the order given.

    A Path or a one-line str is a file, or a folder: its `*.yaml` and `*.yml` without subfolders and hidden files, by
    name. `-` is standard input. A str with a newline is YAML text. `kind: List` is replaced by its items.
    Raises OSError if a file cannot be read; everything else that is wrong is a finding.
    """
    documents: list[Document] = []
    configs: list[Document] = []
    found: list[Diagnostic] = []
    for text in _texts(sources):
        if isinstance(text, Diagnostic):
            found.append(text)
            continue
        read_here, faults = parse(text.text, text.name)
        found += faults
        for document in read_here:
            if _is_mesh_config_file(document):
                configs.append(document)
            else:
                documents += _items(document)
    configs += [document for document in documents if is_mesh_config_map(document.data)]
    found += [
        codes.SECOND_MESH_CONFIG.at(second.origin(), other=configs[0].origin(), related=(configs[0].origin(),))
        for second in configs[1:]
    ]
    if not documents and not configs and not found and not _only_text(sources):
        place = ", ".join(str(source) for source in sources) or "no sources"
        origin = Origin(str(sources[0])) if len(sources) == 1 else Origin()
        hint = "a folder is its *.yaml and *.yml files, without those of its subfolders"
        found.append(codes.NO_DOCUMENTS.at(origin, place=place, hint=hint))
    return Loaded(tuple(documents), configs[0] if configs else None, tuple(found))


def is_mesh_config_map(data: Any) -> bool:
    """Whether it is the ConfigMap that istiod reads its MeshConfig from."""
    if not isinstance(data, dict) or data.get("kind") != "ConfigMap":
        return False
    metadata, texts = data.get("metadata"), data.get("data")
    named = isinstance(metadata, dict) and metadata.get("name") == "istio"
    return named and isinstance(texts, dict) and isinstance(texts.get("mesh"), str)


def _is_mesh_config_file(document: Document) -> bool:
    data = document.data
    named = Path(document.file).name == MESH_CONFIG_FILE
    return named and isinstance(data, dict) and "kind" not in data and "apiVersion" not in data


def _only_text(sources: tuple[Path | str | Source, ...]) -> bool:
    """A program may give an empty text on purpose; an empty file on a command line is a mistake."""
    return bool(sources) and all(isinstance(s, Source) or (isinstance(s, str) and "\n" in s) for s in sources)


def _texts(sources: tuple[Path | str | Source, ...]) -> Iterator[Source | Diagnostic]:
    anonymous = 0
    for source in sources:
        if isinstance(source, Source):
            yield source
        elif isinstance(source, str) and "\n" in source:
            anonymous += 1
            yield Source(source, "<text>" if anonymous == 1 else f"<text {anonymous}>")
        elif source == "-":
            yield _decode(sys.stdin.buffer.read(), "<stdin>")
        else:
            for path in _files(source):
                yield read_file(path)


def read_file(path: Path) -> Source | Diagnostic:
    """The text of one file, under its name, or why it is none. Raises OSError if it cannot be read."""
    return _decode(path.read_bytes(), str(path))


def _files(source: Path | str) -> list[Path]:
    if not source:  # a variable that was not set; to Path it is the current folder
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), source)
    path = Path(source)
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES and p.name[0] != "." and p.is_file())


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
