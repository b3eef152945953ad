"""Which files a folder stands for: its YAML, that of its subfolders on demand, or what a kustomization lists.

As `kubectl apply -f` and `-k`, with one difference: a folder with a kustomization is always what that one lists.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import source as codes
from lateen.source.document import Document
from lateen.source.kustomize import NAMES, kustomization_of, read_kustomization

SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Found:
    """What sources stand for, in order: files and generated documents, each with the namespace it is put into.

    An empty namespace leaves a document where it says. `watched` is every file that was looked into on the way.
    """

    parts: list[tuple[Path | Document, str]] = field(default_factory=list)
    watched: list[Path] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """Every file whose content the mesh depends on."""
        return [*self.watched, *(part for part, _ in self.parts if isinstance(part, Path))]


def find_files(sources: Iterable[Path | str], *, recursive: bool = False) -> Found:
    """The files that these files and folders stand for, each once for each namespace that it is put into.

    Raises OSError if one does not exist.
    """
    found = Found()
    for source in sources:
        if not source:  # a variable that was not set; to Path it is the current folder
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), source)
        _add(found, Path(source), "", (), recursive)
    unique: dict[object, tuple[Path | Document, str]] = {}
    for part, namespace in found.parts:
        unique.setdefault(
            (part if isinstance(part, Path) else (part.file, str(part.data)), namespace), (part, namespace)
        )
    found.parts = list(unique.values())
    return found


def _add(found: Found, path: Path, namespace: str, above: tuple[Path, ...], recursive: bool) -> None:
    """Add a file or folder that stands below the kustomizations `above`."""
    if path.name in NAMES and path.is_file():
        path = path.parent
    if not path.is_dir():
        found.parts.append((path, namespace))
        return
    file = kustomization_of(path)
    if file is None:
        for folder in _folders(path) if recursive else (path,):
            if folder != path and kustomization_of(folder):
                _add(found, folder, namespace, above, recursive)
            else:
                found.parts += [(p, namespace) for p in _yaml(folder)]
        return
    kustomization = read_kustomization(file)
    found.watched += [file, *kustomization.inputs]
    found.diagnostics += kustomization.diagnostics
    namespace = namespace or kustomization.namespace
    found.parts += [(document, namespace) for document in kustomization.generated]
    for resource, origin in kustomization.resources:
        if resource.resolve() in (*above, path.resolve()):
            found.diagnostics.append(codes.KUSTOMIZATION_CYCLE.at(origin, path=resource))
        else:
            _add(found, resource, namespace, (*above, path.resolve()), recursive)


def _folders(root: Path) -> Iterator[Path]:
    """A folder and those below it, by name, hidden ones aside; one with a kustomization ends the way down."""
    for name, below, _ in os.walk(root):
        folder = Path(name)
        ends = folder != root and kustomization_of(folder) is not None
        below[:] = [] if ends else sorted(inner for inner in below if inner[0] != ".")
        yield folder


def _yaml(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.name[0] != "." and p.is_file())
