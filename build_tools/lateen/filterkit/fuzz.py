"""Random requests through a filter in this process: whatever a client, an upstream or the host does, it must not fail.

Input N of a seed is always the same. Inputs go through one instance of the filter in batches, since what one leaves
behind may be what the next trips over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filter_hosts as codes
from lateen.filterkit.catalog import Filter, read_filter, unbuilt
from lateen.filterkit.fuzz_input import Vocabulary, fuzz_input
from lateen.filterkit.host.driver import Driver
from lateen.filterkit.host.world import World
from lateen.filterkit.scenarios.in_process import Refusal, not_started, start
from lateen.filterkit.scenarios.read import UPSTREAM, read_scenarios
from lateen.filterkit.scenarios.scenario import Scenario

BATCH = 1000
"""Inputs for one instance of the filter."""

SMALL_MEMORY = 2 * 1024 * 1024
"""The most that a module may have in every tenth batch.

Rust ends a module that gets no memory, and Envoy answers 503 then: there a trap is no failure, an error of the host is.
"""

_START = 1_700_000_000.0
_SCRIPT_ERROR = "[error] script log:"


@dataclass(frozen=True, slots=True)
class Failure:
    """What an input brought about; `alone` says whether it does without those before it in its batch."""

    number: int
    problem: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of the inputs of one filter. `inputs` were sent; `memory` is the most bytes that a module had."""

    filter: str
    seed: int
    inputs: int
    seconds: float
    memory: int
    failures: tuple[Failure, ...]

    def findings(self, suite: Filter) -> Iterator[Diagnostic]:
        """Each failure as a finding (LAT0618)."""
        for failure in self.failures:
            first = failure.number if failure.alone else failure.number // BATCH * BATCH
            repeat = f"--seed {self.seed} --from {first} --inputs {failure.number - first + 1}"
            yield codes.FUZZ_FAILED.at(
                Origin(str(suite.directory / "filter.yaml")),
                name=suite.name,
                number=failure.number,
                seed=self.seed,
                problem=failure.problem,
                hint=f"lateen filters fuzz {suite.argument} {repeat}",
            )


def fuzz(suite: Filter, seed: int, inputs: int, first: int = 0, jobs: int = 1) -> Fuzzed:
    """Send so many inputs, from number `first` on, in `jobs` processes.

    Raises MeshError if that is impossible (LAT0606, LAT0615, LAT0617, LAT0619), and for broken scenarios if there are
    no others.
    """
    started = monotonic()
    if missing := unbuilt(suite):
        raise MeshError(missing)
    if not _scenarios(suite):
        nothing = codes.FUZZ_WITHOUT_CONFIGURATION.at(Origin(str(suite.directory)), name=suite.name)
        raise MeshError(tuple(read_scenarios(suite)[1]) or (nothing,))
    ends = range(first // BATCH * BATCH + BATCH, first + inputs + BATCH, BATCH)
    batches = [(max(first, end - BATCH), min(first + inputs, end)) for end in ends]
    work = partial(_batch, suite.directory, seed)
    batches = [batch for batch in batches if batch[0] < batch[1]]
    results = list(_spread(work, batches, jobs, suite.kind.capitalize()))
    failures = tuple(failure for found, _, _ in results for failure in found)
    sent = sum(count for _, count, _ in results)
    memory = max((size for _, _, size in results), default=0)
    return Fuzzed(suite.name, seed, sent, monotonic() - started, memory, failures)


def _spread(
    work: Callable[[tuple[int, int]], tuple[list[Failure], int, int]],
    batches: Sequence[tuple[int, int]],
    jobs: int,
    kind: str,
) -> Iterator[tuple[list[Failure], int, int]]:
    try:
        if jobs == 1 or len(batches) == 1:
            yield from map(work, batches)
            return
        with ProcessPoolExecutor(min(jobs, len(batches))) as pool:
            yield from pool.map(work, batches)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        found = codes.NO_HOST.at(Origin(), kind=kind, missing=missing, hint=codes.NO_HOST.fix)
        raise MeshError((found,)) from error


def _batch(folder: Path, seed: int, numbers: tuple[int, int]) -> tuple[list[Failure], int, int]:
    """Failures among the inputs of these numbers (the end excluded), how many were sent, and the size of the module's
    memory.
    """
    suite, words, scenarios = _material(folder)
    index = numbers[0] // BATCH
    scenario = scenarios[index % len(scenarios)]
    configuration = scenario.config
    memory = SMALL_MEMORY if index % 10 == 9 else None
    try:
        run = _Run(suite, configuration, words, seed, memory)
    except Refusal as refused:
        if memory is not None:
            return [], 0, 0
        raise MeshError((not_started(suite, scenario, refused),)) from refused
    failures: list[Failure] = []
    for number in range(*numbers):
        problem = run.send(number)
        if problem:
            fresh = _Run(suite, configuration, words, seed, memory)
            failures.append(Failure(number, problem, bool(fresh.send(number))))
            run = _Run(suite, configuration, words, seed, memory)
    return failures, len(range(*numbers)), run.size


@lru_cache(maxsize=4)
def _material(folder: Path) -> tuple[Filter, Vocabulary, list[Scenario]]:
    """A filter with what it is fuzzed with, read once by each process."""
    suite = read_filter(folder)
    return suite, Vocabulary.of(suite), _scenarios(suite)


class _Run:
    """One instance of a filter, for as long as it holds."""

    def __init__(self, suite: Filter, configuration: Any, words: Vocabulary, seed: int, memory: int | None) -> None:
        self._words, self._seed, self._small = words, seed, memory is not None
        self._world = World(_START, (UPSTREAM, *words.clusters))
        self._attach: Any = start(suite, configuration, self._world, memory=memory)
        self._driver = Driver(self._attach, self._world)

    @property
    def size(self) -> int:
        """The bytes of the module's memory; 0 for a script."""
        vm = getattr(self._attach, "vm", None)
        return vm.machine.size if vm is not None else 0

    def send(self, number: int) -> str:
        """Send the input of that number; what went wrong, or nothing."""
        given = fuzz_input(Random(f"{self._seed}:{number}"), self._words)  # noqa: S311 - to be repeated
        vm = getattr(self._attach, "vm", None)
        if vm is not None:
            vm.faults = given.faults
        self._world.logs.clear()
        self._driver.exchange(given.request, given.response, given.answers, given.reset_after)
        self._driver.advance(given.pause)
        if vm is None:
            return next((line for line in self._world.logs if line.startswith(_SCRIPT_ERROR)), "")
        return "" if self._small else str(vm.failed)


def _scenarios(suite: Filter) -> list[Scenario]:
    """One for each configuration that the filter takes."""
    scenarios, _ = read_scenarios(suite)
    found: list[Scenario] = []
    for scenario in scenarios:
        if not scenario.refused and all(scenario.config != other.config for other in found):
            found.append(scenario)
    return found
