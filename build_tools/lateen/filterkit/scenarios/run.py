"""A filter's scenarios on one real Envoy."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import orjson

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.compare import Observation, differences
from lateen.filterkit.scenarios.envoy import Envoy, Setting
from lateen.filterkit.scenarios.http1 import read_response, write_request
from lateen.filterkit.scenarios.pace import send
from lateen.filterkit.scenarios.read import Scenario, read_scenarios
from lateen.filterkit.scenarios.upstream import LOOPBACK, Upstream

HOST = "envoy"

_ANSWER_SECONDS = 10.0
_LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario: `state` is passed, failed or not run; `findings` say why."""

    scenario: Scenario
    state: str
    findings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a filter's scenarios. `faults` are findings that belong to no scenario that could be read."""

    filter: str
    outcomes: tuple[Outcome, ...]
    faults: tuple[Diagnostic, ...]
    seconds: float

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Everything that was found."""
        return (*self.faults, *(finding for outcome in self.outcomes for finding in outcome.findings))

    def count(self, state: str) -> int:
        """How many scenarios ended that way."""
        return sum(outcome.state == state for outcome in self.outcomes)


def run(suite: Filter, envoy: Path) -> Result:
    """Run every scenario of a filter that lists the host `envoy`.

    A scenario that fails keeps Envoy's log in a temporary folder, which its finding names. Raises OSError if the
    scenarios cannot be read.
    """
    start = monotonic()
    scenarios, faults = read_scenarios(suite)
    if not scenarios and not faults:
        faults.append(codes.NO_SCENARIOS.at(Origin(str(suite.directory)), name=suite.name))
    chosen = [scenario for scenario in scenarios if HOST in scenario.hosts]
    outcomes = [_not_run(scenario) for scenario in scenarios if HOST not in scenario.hosts]
    if chosen and suite.kind == "wasm" and not (suite.directory / f"{suite.name}.wasm").exists():
        hint = f"lateen filters build {suite.argument}"
        faults.append(codes.NOT_BUILT.at(Origin(str(suite.directory)), name=suite.name, hint=hint))
    elif chosen:
        try:
            outcomes += _run(suite, chosen, envoy)
        except MeshError as error:
            faults += error.diagnostics
    return Result(suite.name, tuple(outcomes), tuple(faults), monotonic() - start)


def _not_run(scenario: Scenario) -> Outcome:
    reason = f"it is for {', '.join(scenario.hosts)} and this host is {HOST}"
    finding = codes.NOT_RUN.at(scenario.origin("hosts"), scenario=scenario.name, reason=reason)
    return Outcome(scenario, "not run", (finding,))


def _run(suite: Filter, scenarios: Sequence[Scenario], binary: Path) -> list[Outcome]:
    """The folder of the run stays only if something failed."""
    folder = Path(tempfile.mkdtemp(prefix=f"lateen-{suite.name}-"))
    try:
        pairs = zip(scenarios, _observe(suite, scenarios, binary, folder), strict=True)
        outcomes = [_judge(scenario, seen, folder / "envoy.log") for scenario, seen in pairs]
    except MeshError:
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    if all(outcome.state == "passed" for outcome in outcomes):
        shutil.rmtree(folder)
    return outcomes


def _judge(scenario: Scenario, seen: Observation, log: Path) -> Outcome:
    findings = tuple(
        codes.FAILED_EXPECTATION.at(
            scenario.origin(*path), scenario=scenario.name, problem=problem, hint=f"Envoy's log: {log}"
        )
        for path, problem in differences(scenario.expect, seen)
    )
    return Outcome(scenario, "failed" if findings else "passed", findings)


def _observe(suite: Filter, scenarios: Sequence[Scenario], binary: Path, folder: Path) -> list[Observation]:
    """What came of each scenario."""
    settings = _settings(scenarios)
    with Upstream() as upstream, Envoy(binary, suite, settings.values(), upstream.port, folder) as envoy:
        ports = dict(zip(settings, envoy.ports, strict=True))
        seen = {
            _client(index): _exchange(scenario, _client(index), ports[_key(scenario)], upstream)
            for index, scenario in enumerate(scenarios)
        }
        records = _records(envoy.calls, {client for client, observation in seen.items() if not observation.failure})
    return [_with_record(observation, records.get(client)) for client, observation in seen.items()]


def _client(index: int) -> str:
    """The loopback address from which a scenario calls: its own, by which its line of the access log is found."""
    return f"127.0.{1 + index // 250}.{1 + index % 250}"


def _settings(scenarios: Sequence[Scenario]) -> dict[bytes, Setting]:
    """One setting for all scenarios with the same configuration and direction, so that they share a listener."""
    settings: dict[bytes, Setting] = {}
    for key, group in groupby(sorted(scenarios, key=_key), _key):
        members = list(group)
        attributes = sorted({name for member in members for name in member.expect.get("attributes", ())})
        namespaces = sorted({name for member in members for name in member.expect.get("metadata", ())})
        settings[key] = Setting(members[0].config, members[0].direction, tuple(attributes), tuple(namespaces))
    return settings


def _key(scenario: Scenario) -> bytes:
    return orjson.dumps([scenario.config, scenario.direction], option=orjson.OPT_SORT_KEYS)


def _exchange(scenario: Scenario, client: str, port: int, upstream: Upstream) -> Observation:
    """Send the request of a scenario and wait for the answer; what Envoy logs of it comes later."""
    upstream.response, upstream.received = scenario.response, None
    try:
        with socket.create_connection((LOOPBACK, port), _ANSWER_SECONDS, (client, 0)) as connection:
            with suppress(ConnectionError):  # answered before all of the body was sent
                send(connection, write_request(scenario.request))
            with connection.makefile("rb") as stream:
                response = read_response(stream, scenario.request.header(":method") or "")
    except (EOFError, OSError) as error:
        return Observation(failure=f"no answer from Envoy: {error}")
    return Observation(upstream.received, response)


def _records(path: Path, clients: set[str]) -> dict[str, dict[str, Any]]:
    """The access log by client; waits until it has a line of each, which Envoy writes a moment after the answer."""
    deadline = monotonic() + _LOG_SECONDS
    while True:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        entries = [orjson.loads(line) for line in lines if line.endswith(b"\n")]
        records = {entry["client"]: entry for entry in entries}
        if clients <= records.keys() or monotonic() > deadline:
            return records
        sleep(0.01)


def _with_record(seen: Observation, record: dict[str, Any] | None) -> Observation:
    if seen.failure:
        return seen
    if record is None:
        return Observation(failure="Envoy logged nothing of the request")
    return replace(
        seen,
        details=record["details"] or "",
        attributes=record["attributes"] or {},
        metadata=record["metadata"] or {},
    )
