"""Does a patched configuration hold, and what of its faults were there before?

By the exact schema and lateen's rules, both of what was given and of what came of it; then by Envoy. If Envoy refuses
what was given, it is asked about what was put in alone.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lateen.deliver.existing.configuration import BOOTSTRAP, Configuration, template_mark
from lateen.deliver.existing.patch import Wanted, patch
from lateen.deliver.existing.whole import whole
from lateen.diagnostics import Diagnostic, MeshError, Severity
from lateen.diagnostics.codes import existing as codes
from lateen.diagnostics.codes.verify import SCHEMA
from lateen.filterkit.catalog import catalog
from lateen.modules import Module
from lateen.schema import PACKAGED_VERSION, Schema
from lateen.schema.path import steps_of
from lateen.source.document import Document
from lateen.verification.envoy import ask
from lateen.verification.examine import examine
from lateen.verification.problem import Problem
from lateen.verification.sandbox import Sandbox
from lateen.xds.bootstrap import address, host_cluster, path_listener, prometheus_route
from lateen.xds.filters.modules import suite_module

_UNKNOWN = re.compile(r"this Envoy has no message ([\w.]+)")
_NOT_FOUND = "could not find @type"
_BEFORE = "it is so without the patch too"


def given_faults(files: Sequence[Configuration], schema: Schema, version: str = PACKAGED_VERSION) -> list[Diagnostic]:
    """What is wrong with the files as they are: an error if they break the schema, else no more than a warning."""
    return [finding for file in files for finding in _given_faults(file, schema, version)]


def _given_faults(file: Configuration, schema: Schema, version: str) -> Iterator[Diagnostic]:
    for violation in schema.validate(file.message, file.config):
        origin = file.origin(violation.path)
        unknown = _UNKNOWN.match(violation.message)
        mark = template_mark(_value(file.config, violation.path))
        if unknown:
            yield codes.UNKNOWN_TYPE.at(origin, name=unknown[1], version=version, hint=codes.UNKNOWN_TYPE.fix)
        elif mark:
            yield codes.TEMPLATE.at(origin, mark=mark, hint=codes.TEMPLATE.fix)
        else:
            other = "--envoy PATH names the Envoy that runs it, if that is another version"
            hint = other if "no such field" in violation.message else SCHEMA.fix
            yield SCHEMA.at(origin, resource=file.path.name, problem=violation, hint=hint)
    for problem in _problems(file, schema):
        if problem.code is not SCHEMA:
            severity = min(problem.code.severity, Severity.WARNING)
            args = {"resource": file.path.name, "path": problem.path or "it"} | problem.args
            used = {name: args[name] for name in problem.code.fields}
            yield problem.code.at(file.origin(problem.path), hint=_BEFORE, severity=severity, **used)


def verdict(
    before: Sequence[Configuration], after: Sequence[Configuration], wanted: Wanted, schema: Schema, binary: Path | None
) -> list[Diagnostic]:
    """What holds no more after the patch, and what Envoy says. `before` has no error of its own.

    Raises MeshError (LAT0502) if the binary cannot be used.
    """
    found = [
        codes.DOES_NOT_HOLD.at(old.origin(), problem=problem)
        for old, new in zip(before, after, strict=True)
        for problem in _new(old, new, schema)
    ]
    if found or binary is None:
        return found
    with tempfile.TemporaryDirectory(prefix="lateen-patch-") as folder:
        sandbox = Sandbox(Path(folder), schema, _modules())

        def refusal(files: Sequence[Configuration]) -> str:
            try:
                return ask(binary, sandbox.adapt(whole(files, schema, Path(folder))), Path(folder))
            except MeshError as error:  # it ended otherwise than by refusing
                return error.diagnostics[0].message

        return _asked(before, after, wanted, schema, refusal)


def _modules() -> list[Module]:
    """Those of the suite: what was patched before names them too."""
    return [suite_module(suite) for suite in catalog().values() if suite.kind == "wasm" and suite.built]


def _asked(
    before: Sequence[Configuration],
    after: Sequence[Configuration],
    wanted: Wanted,
    schema: Schema,
    refusal: Callable[[Sequence[Configuration]], str],
) -> list[Diagnostic]:
    reason = refusal(after)
    if not reason:
        return []
    origin = before[0].origin()
    if not (earlier := refusal(before)):
        return [codes.DOES_NOT_HOLD.at(origin, problem=reason)]
    alone, _ = patch([_smallest()], replace(wanted, listeners=frozenset()), schema)
    if reason := refusal(alone):
        return [codes.DOES_NOT_HOLD.at(origin, problem=reason)]
    if _NOT_FOUND in earlier:
        return []  # the finding for that extension says it
    return [codes.REFUSED_BEFORE.at(origin, reason=earlier, hint=codes.REFUSED_BEFORE.fix)]


def _new(old: Configuration, new: Configuration, schema: Schema) -> Iterator[str]:
    """Problems that the patch brought. Places move, so they are told apart by what they say."""
    known = Counter(_said(problem) for problem in _problems(old, schema))
    for problem in _problems(new, schema):
        said = _said(problem)
        known[said] -= 1
        if known[said] < 0:
            yield f"{problem.path}: {said}" if problem.path else said


def _said(problem: Problem) -> str:
    args = {"resource": "it", "path": "", "problem": ""} | problem.args
    if problem.code is SCHEMA:
        return str(args["problem"]).removeprefix(f"{problem.path}: ")
    return problem.code.message.format(**{name: args[name] for name in problem.code.fields})


def _problems(file: Configuration, schema: Schema) -> tuple[Problem, ...]:
    return examine(schema, file.message, file.config).problems


def _value(config: Any, path: str) -> Any:
    for step in steps_of(path):
        if not isinstance(config, dict | list) or (isinstance(config, dict) and step not in config):
            return None
        config = config[step]  # type: ignore[index]
    return config


def _smallest() -> Configuration:
    """A bootstrap with one connection manager, to hold what was put in by itself."""
    admin = address("127.0.0.1", 9901)
    config = {
        "admin": {"address": admin},
        "static_resources": {
            "listeners": [path_listener("web", address("127.0.0.1", 8080), prometheus_route("web"))],
            "clusters": [host_cluster("web", address("127.0.0.1", 8081))],
        },
    }
    return Configuration(Path("smallest"), "{", BOOTSTRAP, Document(config, "smallest"), config)
