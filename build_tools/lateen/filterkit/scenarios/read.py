"""A filter's `scenarios/*.yaml` as values; what is wrong with them is found before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from lateen.diagnostics import Code, Diagnostic, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter, schema
from lateen.filterkit.scenarios.message import Message
from lateen.source.document import Document, field_path
from lateen.source.document import Path as Steps
from lateen.source.yaml import parse

_SENDABLE = (":method", ":path", ":authority")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request, how the upstream answers it, and what must come of it.

    `direction` is that of the listener (inbound or outbound); `expect` follows scenario.schema.json.
    """

    name: str
    hosts: tuple[str, ...]
    config: Any
    direction: str
    request: Message
    response: Message
    expect: dict[str, Any]
    document: Document

    def origin(self, *path: str | int) -> Origin:
        """The place of a value of the scenario, or of the deepest node on the way to it."""
        return self.document.origin(path)


def read_scenarios(suite: Filter) -> tuple[list[Scenario], list[Diagnostic]]:
    """The scenarios of a filter in order of file and line, and a finding for each fault; faulty ones are left out.

    Raises OSError if a file cannot be read.
    """
    scenarios: list[Scenario] = []
    found: list[Diagnostic] = []
    named: dict[str, Document] = {}
    for path in sorted((suite.directory / "scenarios").glob("*.yaml")):
        documents, faults = parse(path.read_text(encoding="utf-8", errors="replace"), _shown(path))
        found += faults
        for document in documents:
            faults = [*_faults(codes.BAD_SCENARIO, schema("scenario"), document)]
            if not faults:
                faults = [*_contradictions(suite, document, named)]
            found += faults
            if not faults:
                scenarios.append(_scenario(document))
    return scenarios, found


def _scenario(document: Document) -> Scenario:
    data = document.data
    return Scenario(
        data["name"],
        tuple(data["hosts"]),
        data.get("config", {}),
        data.get("direction", "inbound"),
        Message.of(data["request"]),
        Message.of(data.get("response", {})),
        data["expect"],
        document,
    )


def _contradictions(suite: Filter, document: Document, named: dict[str, Document]) -> Iterator[Diagnostic]:
    """What the schema cannot say: names are unique, the filter takes the configuration, HTTP/1.1 can carry it."""
    data = document.data
    name = data["name"]
    if (first := named.setdefault(name, document)) is not document:
        other = first.origin(("name",))
        yield codes.BAD_SCENARIO.at(
            document.origin(("name",)), problem=f"another scenario is named {name!r}", related=(other,)
        )
    yield from _faults(codes.BAD_CONFIGURATION, suite.config_schema, document, ("config",))
    given = [header for header, _ in data["request"].get("headers", ())]
    problems = [f"the request has no {needed}" for needed in (":method", ":path") if needed not in given]
    problems += [f"a request over HTTP/1.1 has no {header}" for header in given if _unknown_pseudo(header)]
    for problem in problems:
        yield codes.BAD_SCENARIO.at(document.origin(("request", "headers")), problem=problem)


def _unknown_pseudo(header: str) -> bool:
    return header.startswith(":") and header not in _SENDABLE


def _faults(code: Code, rules: dict[str, Any], document: Document, at: Steps = ()) -> Iterator[Diagnostic]:
    """What a JSON Schema has against the value at `at`; an unknown field is shown at its key."""
    value = document.data
    for step in at:
        value = value.get(step, {})
    for error in jsonschema_rs.validator_for(rules).iter_errors(value):
        path = (*at, *error.instance_path)
        unknown = getattr(error.kind, "unexpected", None)
        origin = document.origin((*path, unknown[0]), key=True) if unknown else document.origin(path)
        place = field_path(path)
        yield code.at(origin, problem=f"{place}: {error.message}" if place else error.message)


def _shown(path: Path) -> str:
    """As a person in the current folder would name the file."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
