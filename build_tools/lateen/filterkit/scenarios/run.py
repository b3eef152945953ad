"""A filter's scenarios on one real Envoy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.compare import Difference, differences, refusal
from lateen.filterkit.scenarios.on_envoy import observe, refuses
from lateen.filterkit.scenarios.read import read_scenarios
from lateen.filterkit.scenarios.scenario import Scenario

HOST = "envoy"


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
        hint = f"lateen filters build {suite.name}"
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
        outcomes = [*_refusals(suite, scenarios, binary, folder), *_exchanges(suite, scenarios, binary, folder)]
    except MeshError:
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    if all(outcome.state == "passed" for outcome in outcomes):
        shutil.rmtree(folder)
    return outcomes


def _exchanges(suite: Filter, scenarios: Sequence[Scenario], binary: Path, folder: Path) -> Iterator[Outcome]:
    chosen = [scenario for scenario in scenarios if not scenario.refused]
    if chosen:
        for scenario, seen in zip(chosen, observe(suite, chosen, binary, folder), strict=True):
            pairs = zip(scenario.exchanges, seen, strict=True)
            missed = [((*e.path, *path), why) for e, one in pairs for path, why in differences(e, one)]
            yield _judge(scenario, missed, folder / "envoy.log")


def _refusals(suite: Filter, scenarios: Sequence[Scenario], binary: Path, folder: Path) -> Iterator[Outcome]:
    for index, scenario in enumerate(scenarios):
        if scenario.refused:
            own = folder / f"refusal-{index}"
            missed = refusal(scenario.refused, *refuses(suite, scenario, binary, own))
            yield _judge(scenario, missed, own / "envoy.log")


def _judge(scenario: Scenario, missed: Iterable[Difference], log: Path) -> Outcome:
    findings = tuple(
        codes.FAILED_EXPECTATION.at(
            scenario.origin(*path), scenario=scenario.name, problem=problem, hint=f"Envoy's log: {log}"
        )
        for path, problem in missed
    )
    return Outcome(scenario, "failed" if findings else "passed", findings)
