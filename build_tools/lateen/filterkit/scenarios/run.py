"""A filter's scenarios on every host that they list: in this process, and on one real Envoy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filter_hosts as host_codes
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter, unbuilt
from lateen.filterkit.scenarios import in_process, on_envoy
from lateen.filterkit.scenarios.compare import Difference, Observation, differences, disagreements, refusal
from lateen.filterkit.scenarios.read import read_scenarios
from lateen.filterkit.scenarios.scenario import Scenario

INPROCESS, ENVOY = "inprocess", "envoy"
HOSTS = (INPROCESS, ENVOY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario on one host: `state` is passed, failed or not run; `findings` say why.

    `seen` is what was observed, an item for each exchange.
    """

    scenario: Scenario
    host: str
    state: str
    findings: tuple[Diagnostic, ...] = ()
    seen: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a filter's scenarios. `faults` are findings that belong to no scenario alone, or to several hosts.

    `hosts` are those that were asked for; `seconds` is the time of each.
    """

    filter: str
    outcomes: tuple[Outcome, ...]
    faults: tuple[Diagnostic, ...]
    seconds: dict[str, float]

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Everything that was found."""
        return (*self.faults, *(finding for outcome in self.outcomes for finding in outcome.findings))

    def count(self, state: str, host: str | None = None) -> int:
        """How many scenarios ended that way, on one host or on all of them."""
        return sum(outcome.state == state and host in (None, outcome.host) for outcome in self.outcomes)


def run(suite: Filter, envoy: Path | None, hosts: Sequence[str] = HOSTS) -> Result:
    """Run every scenario of a filter on those of the hosts that it lists; `envoy` is needed for that host only.

    What two hosts saw differently is a finding, expected or not. A scenario that fails on Envoy keeps its log in a
    temporary folder, which the finding names. Raises OSError if the scenarios cannot be read, and MeshError
    (LAT0615) if what runs the filter in this process is not installed.
    """
    scenarios, faults = read_scenarios(suite)
    if not scenarios and not faults:
        faults.append(codes.NO_SCENARIOS.at(Origin(str(suite.directory)), name=suite.name))
    outcomes = [_not_run(scenario, hosts) for scenario in scenarios if not set(hosts) & set(scenario.hosts)]
    seconds: dict[str, float] = {}
    if len(outcomes) < len(scenarios) and (missing := unbuilt(suite)):
        return Result(suite.name, tuple(outcomes), (*faults, *missing), seconds)
    for host in hosts:
        chosen = [scenario for scenario in scenarios if host in scenario.hosts]
        start = monotonic()
        if chosen and host == INPROCESS:
            outcomes += _run_here(suite, chosen, scenarios)
        elif chosen and envoy is not None:
            try:
                outcomes += _run_on_envoy(suite, chosen, envoy)
            except MeshError as error:
                faults += error.diagnostics
        seconds[host] = monotonic() - start
    return Result(suite.name, tuple(outcomes), (*faults, *_compared(outcomes)), seconds)


def _not_run(scenario: Scenario, hosts: Sequence[str]) -> Outcome:
    reason = f"it is for {' and '.join(scenario.hosts)}, not for {' or '.join(hosts)}"
    finding = codes.NOT_RUN.at(scenario.origin("hosts"), scenario=scenario.name, reason=reason)
    return Outcome(scenario, hosts[0], "not run", (finding,))


def _run_here(suite: Filter, scenarios: Sequence[Scenario], all_of_them: Sequence[Scenario]) -> list[Outcome]:
    """`all_of_them` name the clusters that there are: on Envoy all scenarios have one configuration."""
    exchanges = (exchange for scenario in all_of_them for exchange in scenario.exchanges)
    clusters = sorted({answer.cluster for exchange in exchanges for answer in exchange.answers})
    try:
        return [_run_one_here(suite, scenario, clusters) for scenario in scenarios]
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        found = host_codes.NO_HOST.at(
            Origin(), kind=suite.kind.capitalize(), missing=missing, hint=host_codes.NO_HOST.fix
        )
        raise MeshError((found,)) from error


def _run_one_here(suite: Filter, scenario: Scenario, clusters: Sequence[str]) -> Outcome:
    if scenario.refused:
        return _judge(scenario, INPROCESS, refusal(scenario.refused, *in_process.refuses(suite, scenario)))
    try:
        seen = in_process.observe(suite, scenario, clusters)
    except in_process.Refusal as refused:
        return Outcome(scenario, INPROCESS, "failed", (in_process.not_started(suite, scenario, refused),))
    return _judge(scenario, INPROCESS, _missed(scenario, seen), seen)


def _run_on_envoy(suite: Filter, scenarios: Sequence[Scenario], binary: Path) -> list[Outcome]:
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
        for scenario, seen in zip(chosen, on_envoy.observe(suite, chosen, binary, folder), strict=True):
            yield _judge(scenario, ENVOY, _missed(scenario, seen), seen, folder / "envoy.log")


def _refusals(suite: Filter, scenarios: Sequence[Scenario], binary: Path, folder: Path) -> Iterator[Outcome]:
    for index, scenario in enumerate(scenarios):
        if scenario.refused:
            own = folder / f"refusal-{index}"
            missed = refusal(scenario.refused, *on_envoy.refuses(suite, scenario, binary, own))
            yield _judge(scenario, ENVOY, missed, (), own / "envoy.log")


def _missed(scenario: Scenario, seen: Sequence[Observation]) -> list[Difference]:
    pairs = zip(scenario.exchanges, seen, strict=True)
    return [((*exchange.path, *path), why) for exchange, one in pairs for path, why in differences(exchange, one)]


def _judge(
    scenario: Scenario,
    host: str,
    missed: Iterable[Difference],
    seen: tuple[Observation, ...] = (),
    log: Path | None = None,
) -> Outcome:
    hint = f"Envoy's log: {log}" if log else "in this process, without Envoy"
    findings = tuple(
        codes.FAILED_EXPECTATION.at(scenario.origin(*path), scenario=scenario.name, problem=problem, hint=hint)
        for path, problem in missed
    )
    return Outcome(scenario, host, "failed" if findings else "passed", findings, seen)


def _compared(outcomes: Sequence[Outcome]) -> Iterator[Diagnostic]:
    """Where hosts saw different things in a scenario that passed on both."""
    passed = {(outcome.scenario.name, outcome.host): outcome for outcome in outcomes if outcome.state == "passed"}
    for (name, host), here in passed.items():
        there = passed.get((name, ENVOY))
        if host != INPROCESS or there is None:
            continue
        for exchange, one, other in zip(here.scenario.exchanges, here.seen, there.seen, strict=True):
            for what, mine, envoys in disagreements(exchange.expect, one, other):
                yield host_codes.HOSTS_DIFFER.at(
                    here.scenario.origin(*exchange.path, "request"), scenario=name, what=what, here=mine, there=envoys
                )
