"""A file that an Envoy reads: a bootstrap, or resources of file xDS. Everything else is a finding that says what it is.

What the file holds is kept as it is: spelling of fields (snake_case or lowerCamelCase), order, what is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import existing as codes
from lateen.schema import Schema
from lateen.schema.path import steps_of
from lateen.source.document import Document, Source
from lateen.source.read import read_file
from lateen.source.yaml import parse
from lateen.xds.snapshot import Config

BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap"
RESPONSE = "envoy.service.discovery.v3.DiscoveryResponse"

_OF_RESOURCES = frozenset({"filter_chains", "filterChains", "virtual_hosts", "virtualHosts", "load_assignment"})
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\$\{\w+\}", re.DOTALL)
_V2 = re.compile(r"type\.googleapis\.com/(envoy\.api\.v2\.\S+|envoy\.(?:\w+\.)+v2(?:alpha\d*)?\.\S+)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one file holds. `message` is BOOTSTRAP or RESPONSE; `config` shares nothing with the document."""

    path: Path
    text: str = field(repr=False)
    message: str
    document: Document = field(repr=False)
    config: Config = field(repr=False)

    @property
    def is_json(self) -> bool:
        """Whether the file is JSON, and stays so."""
        return self.text.lstrip("\ufeff \t\r\n").startswith("{")

    def origin(self, path: str = "") -> Origin:
        """The place of a path of the configuration in the file."""
        return self.document.origin(steps_of(path))


def read_configurations(paths: Sequence[Path], schema: Schema) -> tuple[list[Configuration], list[Diagnostic]]:
    """What the files hold, and one finding for each that is something else. Raises OSError if one cannot be read."""
    found: list[Configuration] = []
    faults: list[Diagnostic] = []
    for path in paths:
        source = read_file(path)
        read = source if isinstance(source, Diagnostic) else _read(path, source, schema)
        if isinstance(read, Configuration):
            found.append(read)
        else:
            faults += [read] if isinstance(read, Diagnostic) else read
    bootstraps = [each for each in found if each.message == BOOTSTRAP]
    for second in bootstraps[1:]:
        problem = f"{bootstraps[0].path} is a bootstrap already: an Envoy has one"
        faults.append(codes.NOT_ENVOY.at(second.origin(), problem=problem, hint="patch each Envoy by itself"))
    return found, faults


def _read(path: Path, source: Source, schema: Schema) -> Configuration | Diagnostic | list[Diagnostic]:
    documents, faults = parse(source.text, source.name, ignoring=True)
    if faults:
        return _template(source) or faults
    if len(documents) != 1:
        where = documents[1].origin() if documents else Origin(source.name)
        problem = "Envoy reads the first document of a file only" if documents else "the file is empty"
        return codes.NOT_ENVOY.at(where, problem=problem, hint="one file for each Envoy")
    [document] = documents
    message, problem, hint = _kind(document, schema)
    if problem:
        return codes.NOT_ENVOY.at(document.origin(), problem=problem, hint=hint)
    if old := next(_of_v2(document.data, ()), None):
        steps, name = old
        return codes.NOT_V3.at(document.origin(steps), name=name, hint="translate it to v3 first; names stay the same")
    return Configuration(path, source.text, message, document, plain(document.data))


def plain(value: Any) -> Any:
    """A copy in which nothing is shared, not even what an alias stands for."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def template_mark(value: object) -> str:
    """What a template engine would replace in a text; empty if there is nothing."""
    found = _TEMPLATE.search(value) if isinstance(value, str) else None
    return found[0] if found else ""


def _template(source: Source) -> Diagnostic | None:
    """The finding for a file that does not parse because it is no YAML yet."""
    found = _TEMPLATE.search(source.text)
    if found is None:
        return None
    before = source.text[: found.start()]
    origin = Origin(source.name, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return codes.TEMPLATE.at(origin, mark=" ".join(found[0].split()), hint=codes.TEMPLATE.fix)


def _kind(document: Document, schema: Schema) -> tuple[str, str, str]:
    """The message of a document; or what it is instead, and what to do."""
    data = document.data
    if not isinstance(data, dict):
        kind = "list" if isinstance(data, list) else "scalar"
        return "", f"a {kind} is no configuration of Envoy", codes.NOT_ENVOY.fix
    if isinstance(data.get("resources"), list):
        return RESPONSE, "", ""
    fields = schema.descriptors.message(BOOTSTRAP).fields
    known = data.keys() & {spelling for each in fields for spelling in (each.name, each.json_name)}
    return (BOOTSTRAP, "", "") if known else ("", *_something_else(data))


def _something_else(data: dict[str, Any]) -> tuple[str, str]:
    """What a mapping is, and what to do."""
    if "apiVersion" in data and "kind" in data:
        hint = "patch the file that a ConfigMap is made from; lateen compile takes Istio's and Kubernetes' kinds"
        return f"this is a {data['kind']} of Kubernetes, not a configuration of Envoy", hint
    if "configs" in data:
        return "this is what /config_dump shows, not what Envoy reads", "patch the files that this Envoy starts with"
    if data.keys() & _OF_RESOURCES:
        return "a resource stands alone; file xDS reads a list of them", 'resources: [{"@type": TYPE, ...}]'
    names = ", ".join(list(data)[:3]) or "nothing"
    return f"a file with {names} at its top is neither a bootstrap nor resources", codes.NOT_ENVOY.fix


def _of_v2(value: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where types of the v2 API are named."""
    if isinstance(value, dict):
        found = _V2.fullmatch(str(value.get("@type", "")))
        if found:
            yield (*steps, "@type"), found[1]
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for key, item in items:
        yield from _of_v2(item, (*steps, key))
