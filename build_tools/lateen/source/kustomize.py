"""The part of a kustomization that is read: resources, namespace, and generators of ConfigMaps and Secrets.

Source: Kubernetes' reference of kustomize. Generated names get no hash: nothing here needs a roll-out, and references
to the plain name then hold as they stand.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.document import Document, LocatedMap
from lateen.source.document import Path as Steps
from lateen.source.yaml import parse

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_WITHOUT_EFFECT = ("apiVersion", "kind", "metadata", "buildMetadata", "generatorOptions", "openapi", "sortOptions")
_READ = ("resources", "bases", "namespace", "configMapGenerator", "secretGenerator")
_GENERATOR = ("name", "namespace", "literals", "files", "envs", "env", "options", "type")


@dataclass(slots=True)
class Kustomization:
    """What a kustomization lists, each with its place; `inputs` are the files that its generators read."""

    namespace: str = ""
    resources: list[tuple[Path, Origin]] = field(default_factory=list)
    generated: list[Document] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def kustomization_of(folder: Path) -> Path | None:
    """The kustomization file of a folder, if it has one."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_kustomization(file: Path) -> Kustomization:
    """Read one file. What cannot be read or is not honoured is a finding. Raises OSError if it cannot be opened."""
    result = Kustomization()
    documents, faults = parse(file.read_text(errors="replace"), str(file))
    result.diagnostics += faults
    for document in documents:
        if isinstance(document.data, LocatedMap):
            _read(document, file.parent, result)
        else:
            result.diagnostics.append(_unusable(document, (), "a kustomization is a mapping"))
    return result


def _read(document: Document, folder: Path, result: Kustomization) -> None:
    data = document.data
    for name in data:
        if name not in (*_READ, *_WITHOUT_EFFECT) and data[name]:
            origin = document.origin((name,), key=True)
            result.diagnostics.append(
                codes.KUSTOMIZATION_FIELD.at(origin, field=name, hint=codes.KUSTOMIZATION_FIELD.fix)
            )
    if isinstance(space := data.get("namespace") or "", str):
        result.namespace = space
    else:
        result.diagnostics.append(_unusable(document, ("namespace",), "namespace is a string"))
    for name in ("resources", "bases"):
        for index, text in _items(document, (name,), result):
            path = Path(os.path.normpath(folder / str(text)))  # `base/x.yaml`, not `app/../base/x.yaml`
            if problem := _problem(path, folder, str(text)):
                result.diagnostics.append(_unusable(document, (name, index), f"{text}{problem}"))
            else:
                result.resources.append((path, document.origin((name, index))))
    for kind in ("ConfigMap", "Secret"):
        name = f"{kind[0].lower()}{kind[1:]}Generator"
        for index, spec in _items(document, (name,), result):
            _generate(document, folder, kind, (name, index), spec, result)


def _problem(path: Path, folder: Path, text: str) -> str:
    """Why a resource cannot be read; empty if it can."""
    if not path.exists():
        remote = "://" in text or text.startswith(("github.com/", "git@")) or "?ref=" in text
        return ": it is not on this machine, and nothing is fetched" if remote else ": no such path"
    return "" if path.is_dir() else _outside(path, folder)


def _outside(file: Path, folder: Path) -> str:
    """As for kustomize a file lies in or below the folder, so that no YAML can ask for others; folders need not."""
    return "" if file.resolve().is_relative_to(folder.resolve()) else f" is not in or below {folder}"


def _items(document: Document, path: Steps, result: Kustomization) -> Iterator[tuple[int, Any]]:
    """The items of the list at `path`, with their indexes."""
    value: Any = document.data
    for step in path:
        value = value[step] if isinstance(step, int) else value.get(step)
    if value is not None and not isinstance(value, list):
        result.diagnostics.append(_unusable(document, path, f"{path[-1]} is a list"))
    elif value:
        yield from enumerate(value)


def _generate(
    document: Document, folder: Path, kind: str, path: tuple[str, int], spec: Any, result: Kustomization
) -> None:
    """Add the object that one item of a generator describes."""
    if not isinstance(spec, dict) or not spec.get("name"):
        result.diagnostics.append(_unusable(document, path, "a generator needs a name"))
        return
    for name in spec:
        if name not in _GENERATOR and not (name == "behavior" and spec[name] == "create"):
            result.diagnostics.append(_not_honoured(document, (*path, name), f"{path[0]}.{name}"))
    content: dict[str, bytes] = {}
    for index, text in _items(document, (*path, "literals"), result):
        key, given, value = str(text).partition("=")
        if given:
            content[key] = _unquoted(value).encode()
        else:  # the text may be a secret that was meant as a value
            result.diagnostics.append(_unusable(document, (*path, "literals", index), "a literal is KEY=VALUE"))
    for index, text in _items(document, (*path, "files"), result):
        key, _, place = str(text).rpartition("=")
        if (read := _file(document, folder, place, (*path, "files", index), result)) is not None:
            content[key or Path(place).name] = read
    for index, text in _items(document, (*path, "envs"), result):
        content |= _variables(document, folder, str(text), (*path, "envs", index), result)
    if spec.get("env"):
        content |= _variables(document, folder, str(spec["env"]), (*path, "env"), result)
    line, column = document.locate(path)
    result.generated.append(_object(document, kind, spec, content, (line, column)))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _file(document: Document, folder: Path, place: str, path: Steps, result: Kustomization) -> bytes | None:
    """What a generator reads."""
    file = folder / place
    if problem := _outside(file, folder):
        result.diagnostics.append(_unusable(document, path, f"{place}{problem}"))
        return None
    result.inputs.append(file)
    try:
        return file.read_bytes()
    except OSError as error:
        result.diagnostics.append(_unusable(document, path, f"{file}: {error.strerror}"))
        return None


def _variables(document: Document, folder: Path, place: str, path: Steps, result: Kustomization) -> dict[str, bytes]:
    """The lines `NAME=VALUE` of an env file, comments and empty ones aside."""
    found: dict[str, bytes] = {}
    for number, line in enumerate((_file(document, folder, place, path, result) or b"").splitlines(), 1):
        name, given, value = line.lstrip().partition(b"=")
        if given and name:
            found[name.strip().decode(errors="replace")] = value
        elif name and not name.startswith(b"#"):  # kustomize would take it from its own environment
            problem = f"line {number} of {place} is not NAME=VALUE; nothing is taken from the environment"
            result.diagnostics.append(_unusable(document, path, problem))
    return found


def _object(
    document: Document, kind: str, spec: dict[str, Any], content: dict[str, bytes], place: tuple[int, int]
) -> Document:
    def mapping(**fields: Any) -> LocatedMap:
        made = LocatedMap(*place)
        made.update({name: value for name, value in fields.items() if value is not None})
        return made

    options = spec.get("options") if isinstance(spec.get("options"), dict) else {}
    given = {name: options.get(name) for name in ("labels", "annotations")} if options else {}
    metadata = mapping(name=str(spec["name"]), namespace=spec.get("namespace"))
    metadata.update({name: mapping(**value) for name, value in given.items() if isinstance(value, dict)})
    encoded = {key: base64.b64encode(value).decode() for key, value in content.items()}
    fields = {"binaryData": mapping(**encoded)} if kind == "ConfigMap" else {"data": mapping(**encoded)}
    data = mapping(apiVersion="v1", kind=kind, metadata=metadata, type=spec.get("type"), **fields)
    return Document(data, document.file, place[0])


def _unusable(document: Document, path: Steps, problem: str) -> Diagnostic:
    return codes.KUSTOMIZATION_UNUSABLE.at(document.origin(path), problem=problem)


def _not_honoured(document: Document, path: Steps, name: str) -> Diagnostic:
    origin = document.origin(path, key=True)
    return codes.KUSTOMIZATION_FIELD.at(origin, field=name, hint=codes.KUSTOMIZATION_FIELD.fix)
