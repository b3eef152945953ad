"""A filter's `scenarios/*.yaml` as values; what is wrong with them is found before anything runs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs

from lateen.diagnostics import Code, Diagnostic, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter, schema
from lateen.filterkit.configuration import Configuration
from lateen.filterkit.scenarios.message import Message, text
from lateen.filterkit.scenarios.scenario import (
    Answer,
    Exchange,
    GrpcReply,
    Pause,
    Preset,
    Scenario,
    Step,
    Together,
)
from lateen.model.durations import parse_duration
from lateen.source.document import Document, field_path
from lateen.source.document import Path as Steps
from lateen.source.yaml import parse

OUR_HOST_ONLY = ("time", "shared", "properties", "faults")
"""Keys of a scenario that no real Envoy can honour; `advance` is the step of that kind."""

UPSTREAM = "upstream"
"""The cluster that requests are routed to."""

_SENDABLE = (":method", ":path", ":authority")


def read_scenarios(suite: Filter) -> tuple[list[Scenario], list[Diagnostic]]:
    """The scenarios of a filter in order of file and line, and a finding for each fault; faulty ones are left out.

    Raises OSError if a file cannot be read.
    """
    scenarios: list[Scenario] = []
    found: list[Diagnostic] = []
    named: dict[str, Document] = {}
    protocols: dict[str, tuple[bool, Origin]] = {}
    for path in sorted((suite.directory / "scenarios").glob("*.yaml")):
        documents, faults = parse(path.read_text(encoding="utf-8", errors="replace"), _shown(path))
        found += faults
        for document in documents:
            faults = [*_faults(codes.BAD_SCENARIO, schema("scenario"), document)]
            if not faults:
                faults = [*_contradictions(suite, document, named), *_mixed(document, protocols)]
            found += faults
            if not faults:
                scenarios.append(_scenario(suite, document))
    return scenarios, found


def _configuration(suite: Filter, document: Document) -> Configuration:
    """What the filter gets; files stand beside the scenario."""
    config = document.data.get("config", {})
    return suite.configuration(config, suite.files(config, Path(document.file).parent))


def _scenario(suite: Filter, document: Document) -> Scenario:
    data = document.data
    shared = {key: text(value) for key, value in data.get("shared", {}).items()}
    given = data.get("properties", {}).items()
    properties = {path: text(value) if isinstance(value, dict) else value for path, value in given}
    return Scenario(
        data["name"],
        tuple(data["hosts"]),
        _configuration(suite, document).value,
        data.get("direction", "inbound"),
        tuple(_steps(data)),
        data.get("refused", ""),
        Preset(data.get("time"), shared, properties, dict(data.get("faults", {}))),
        document,
    )


def _steps(data: dict[str, Any]) -> Iterator[Step]:
    common = tuple(_answer(item) for item in data.get("callouts", ()))
    if "request" in data:
        yield _exchange(data, (), ())
    for index, step in enumerate(data.get("steps", ())):
        at: Steps = ("steps", index)
        if "request" in step:
            yield _exchange(step, common, at)
        elif "together" in step:
            members = enumerate(step["together"])
            yield Together(tuple(_exchange(item, common, (*at, "together", i)) for i, item in members))
        else:
            yield Pause(parse_duration(step.get("sleep") or step["advance"]))


def _exchange(data: dict[str, Any], common: tuple[Answer, ...], at: Steps) -> Exchange:
    return Exchange(
        Message.of(data["request"]),
        Message.of(data.get("response", {})),
        (*(_answer(item) for item in data.get("callouts", ())), *common),
        data.get("expect", {}),
        at,
        data["request"].get("reset_after", ""),
    )


def _answer(data: dict[str, Any]) -> Answer:
    match, grpc = data.get("match", {}), data.get("grpc")
    return Answer(
        data["cluster"],
        match.get("method"),
        match.get("path"),
        Message.of(data.get("response", {})),
        None if grpc is None else _reply(grpc),
        parse_duration(data.get("delay", "0")),
        data.get("error", ""),
    )


def _reply(data: dict[str, Any]) -> GrpcReply:
    message = data.get("message_base64")
    sent = None if message is None else base64.b64decode(message)
    return GrpcReply(data.get("status", 0), sent, data.get("details", ""))


def _contradictions(suite: Filter, document: Document, named: dict[str, Document]) -> Iterator[Diagnostic]:
    """What the schema cannot say: names are unique, the filter takes the configuration, each host can do its part."""
    data = document.data
    name = data["name"]
    if (first := named.setdefault(name, document)) is not document:
        other = first.origin(("name",))
        yield codes.BAD_SCENARIO.at(
            document.origin(("name",)), problem=f"another scenario is named {name!r}", related=(other,)
        )
    if "refused" not in data:  # one that the filter itself refuses may break its schema too
        yield from _faults(codes.BAD_CONFIGURATION, suite.config_schema, document, ("config",))
        for fault in _configuration(suite, document).problems:
            place: Steps = ("config", *fault.path)
            yield codes.BAD_CONFIGURATION.at(document.origin(place), problem=f"{field_path(place)}: {fault.message}")
    for path, problem in (*_unsendable(data), *_not_on_envoy(data), *_bad_time(data)):
        yield codes.BAD_SCENARIO.at(document.origin(path, key=path[-1:] == ("advance",)), problem=problem)


def _unsendable(data: dict[str, Any]) -> Iterator[tuple[Steps, str]]:
    for at, exchange in _exchanges(data):
        place: Steps = (*at, "request", "headers")
        given = [header for header, _ in exchange["request"].get("headers", ())]
        yield from ((place, f"the request has no {name}") for name in (":method", ":path") if name not in given)
        unknown = [name for name in given if name.startswith(":") and name not in _SENDABLE]
        yield from ((place, f"a request over HTTP/1.1 has no {name}") for name in unknown)


def _exchanges(data: dict[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    if "request" in data:
        yield (), data
    for index, step in enumerate(data.get("steps", ())):
        if "request" in step:
            yield ("steps", index), step
        yield from ((("steps", index, "together", i), item) for i, item in enumerate(step.get("together", ())))


def _not_on_envoy(data: dict[str, Any]) -> Iterator[tuple[Steps, str]]:
    if "envoy" not in data["hosts"]:
        return
    said = "cannot be given to a real Envoy; hosts: [inprocess]"
    yield from (((key,), f"{key} {said}") for key in OUR_HOST_ONLY if key in data)
    for index, step in enumerate(data.get("steps", ())):
        if "advance" in step:
            yield ("steps", index, "advance"), f"advance {said}, or sleep instead"


def _bad_time(data: dict[str, Any]) -> Iterator[tuple[Steps, str]]:
    try:
        if "time" in data and datetime.fromisoformat(data["time"]).tzinfo is None:
            yield ("time",), "time has no offset from UTC, such as Z"
    except ValueError:
        yield ("time",), f"time: {data['time']!r} is not a time such as 2026-01-31T12:00:00Z"


def _mixed(document: Document, protocols: dict[str, tuple[bool, Origin]]) -> Iterator[Diagnostic]:
    """A cluster speaks HTTP/1.1 or gRPC, for all scenarios of a filter, since they share an Envoy."""
    data = document.data
    for at, holder in (((), data), *(pair for pair in _exchanges(data) if pair[0])):
        for index, answer in enumerate(holder.get("callouts", ())):
            place = document.origin((*at, "callouts", index))
            if (name := answer["cluster"]) == UPSTREAM:
                yield codes.BAD_SCENARIO.at(place, problem=f"{UPSTREAM} is the cluster that requests are routed to")
            if "grpc" not in answer and "response" not in answer:
                continue
            grpc, first = protocols.setdefault(name, ("grpc" in answer, place))
            if grpc != ("grpc" in answer):
                problem = f"the cluster {name} answers by HTTP in one place and by gRPC in another"
                yield codes.BAD_SCENARIO.at(place, problem=problem, related=(first,))


def _faults(code: Code, rules: dict[str, Any], document: Document, at: Steps = ()) -> Iterator[Diagnostic]:
    """What a JSON Schema has against the value at `at`; an unknown field is shown at its key."""
    value = document.data
    for step in at:
        value = value.get(step, {})
    for error in jsonschema_rs.validator_for(rules).iter_errors(value):
        path = (*at, *error.instance_path)
        unknown = getattr(error.kind, "unexpected", None)
        origin = document.origin((*path, unknown[0]), key=True) if unknown else document.origin(path)
        place, problem = field_path(path), _problem(error, rules)
        yield code.at(origin, problem=f"{place}: {problem}" if place else problem)


def _problem(error: jsonschema_rs.ValidationError, rules: dict[str, Any]) -> str:
    """Of alternatives that are told apart by a key, the keys; else what the library says."""
    choice: Any = rules
    for step in error.schema_path:
        if step == "$ref":
            return error.message
        choice = choice[step]
    keys = [option.get("required", ("",))[0] for option in choice] if error.schema_path[-1:] == ["oneOf"] else []
    return f"it has to have exactly one of {', '.join(keys)}" if keys and all(keys) else error.message


def _shown(path: Path) -> str:
    """As a person in the current folder would name the file."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
