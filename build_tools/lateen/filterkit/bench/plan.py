"""A filter's `bench.yaml`: the configuration and request that it is measured with, and what Envoy itself has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import bench as codes
from lateen.filterkit.catalog import Filter, schema
from lateen.source.document import Document
from lateen.source.yaml import parse

FILE = "bench.yaml"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a filter is measured; the fields are those of bench.schema.json, but `config` is what the filter gets.

    `native` is empty where there is nothing.
    """

    config: Any = field(default_factory=dict)
    direction: str = "inbound"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    status: int = 200
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    native: tuple[Mapping[str, Any], ...] = ()


def read_plan(suite: Filter) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan in a filter's folder; without one a GET of `/` with an empty configuration, if the filter takes that.

    None, and why, if there is nothing to measure or the plan is broken. Raises OSError if it cannot be read.
    """
    path = suite.directory / FILE
    if not path.exists():
        origin = Origin(str(suite.directory / "filter.yaml"))
        if suite.problems({}):
            lacks = f"needs a configuration, and has no {FILE} that names one"
            return None, [codes.NO_PLAN.at(origin, name=suite.name, lacks=lacks, hint=codes.NO_PLAN.fix)]
        return Plan(), []
    documents, faults = parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if faults or len(documents) != 1:
        return None, faults or [codes.BAD_PLAN.at(Origin(str(path)), problem="it must be one document")]
    [document] = documents
    faults = _faults(suite, document)
    return (None, faults) if faults else (_plan(suite, document.data), [])


def _plan(suite: Filter, data: dict[str, Any]) -> Plan:
    config, request = data.get("config", {}), data.get("request", {})
    headers = tuple((name, value) for name, value in request.get("headers", ()))
    return Plan(
        suite.configuration(config, suite.files(config, suite.directory)).value,
        data.get("direction", "inbound"),
        next((value for name, value in headers if name == ":path"), "/"),
        tuple(pair for pair in headers if pair[0] != ":path"),
        request.get("body"),
        data.get("status", 200),
        data.get("clusters", {}),
        tuple(data.get("native", ())),
    )


def _faults(suite: Filter, document: Document) -> list[Diagnostic]:
    validator = jsonschema_rs.validator_for(schema("bench"))
    found = [
        codes.BAD_PLAN.at(document.origin(tuple(error.instance_path)), problem=error.message)
        for error in validator.iter_errors(document.data)
    ]
    if not found:
        found += [
            codes.BAD_PLAN.at(document.origin(("config",)), problem=f"config: {f'{path}: ' if path else ''}{text}")
            for path, text in suite.problems(document.data.get("config", {}))
        ]
    return found
