"""Scenarios on the hosts of this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes.filter_hosts import NOT_STARTED_HERE
from lateen.filterkit.catalog import Filter
from lateen.filterkit.host.driver import Attach, Driver
from lateen.filterkit.host.world import World
from lateen.filterkit.scenarios.compare import Observation
from lateen.filterkit.scenarios.message import to_bytes
from lateen.filterkit.scenarios.read import UPSTREAM
from lateen.filterkit.scenarios.scenario import Pause, Scenario, Together
from lateen.model.proxy import Proxy
from lateen.xds.filters.wasm import wasm_extension

INSTANCE = "0"
"""The name of the filter's instance, which its `vm_id` ends in."""


class Refusal(Exception):  # noqa: N818 - what a scenario may expect
    """The filter does not start with a configuration; `logs` is what was logged of it."""

    def __init__(self, reason: str, logs: Sequence[str]) -> None:
        super().__init__(reason)
        self.logs = (*logs, reason)


def not_started(suite: Filter, scenario: Scenario, refused: Refusal) -> Diagnostic:
    """That a filter does not start with the configuration of a scenario, and why (LAT0617)."""
    reason = " ".join(str(refused).split())
    said = refused.logs[-2] if len(refused.logs) > 1 else ""
    origin = scenario.origin("config")
    return NOT_STARTED_HERE.at(origin, scenario=scenario.name, name=suite.name, reason=reason, hint=said)


def start(
    suite: Filter, config: Any, world: World, faults: Mapping[str, int] | None = None, memory: int | None = None
) -> Attach:
    """A filter as the compiler would configure it. `memory` is the most bytes that a module may have.

    Raises Refusal, and ModuleNotFoundError without the extra `filters`.
    """
    try:
        if suite.kind == "lua":
            from lateen.filterkit.host.lua_filter import LuaFilter  # noqa: PLC0415 - needs the extra

            return LuaFilter(suite.lua(config), world)
        from lateen.filterkit.host.vm import MEMORY, Plugin  # noqa: PLC0415
        from lateen.filterkit.host.wasm_filter import WasmFilter  # noqa: PLC0415

        described = wasm_extension(Proxy("scenario"), INSTANCE, suite, config)["typed_config"]["config"]
        restriction = described["vm_config"].get("capability_restriction_config", {})
        plugin = Plugin(
            suite.module(),
            described["configuration"]["value"].encode(),
            described["name"],
            described["root_id"],
            described["vm_config"]["vm_id"],
            failure_policy=described["failure_policy"],
            allow_on_headers_stop_iteration=described.get("allow_on_headers_stop_iteration", False),
            allowed=frozenset(restriction.get("allowed_capabilities", ())),
            faults=dict(faults or {}),
            memory=memory or MEMORY,
        )
        return WasmFilter(plugin, world)
    except ValueError as error:
        raise Refusal(str(error), world.logs) from error


def observe(suite: Filter, scenario: Scenario, clusters: Sequence[str]) -> tuple[Observation, ...]:
    """What came of each exchange of a scenario. Raises Refusal if the filter does not start."""
    preset = scenario.preset
    now = None if preset.time is None else datetime.fromisoformat(preset.time).timestamp()
    world = World(now, (UPSTREAM, *clusters))
    for key, value in preset.shared.items():
        world.shared.set(f"lateen/{suite.name}/{INSTANCE}", to_bytes(key), to_bytes(value))
    attach = start(suite, scenario.config, world, preset.faults)
    return tuple(_steps(Driver(attach, world, scenario.direction, preset.properties), scenario))


def refuses(suite: Filter, scenario: Scenario) -> tuple[bool, Sequence[str]]:
    """Whether the filter starts with a configuration all the same, and what was logged."""
    world = World(None, (UPSTREAM,))
    try:
        start(suite, scenario.config, world)
    except Refusal as refusal:
        return False, refusal.logs
    return True, world.logs


def _steps(driver: Driver, scenario: Scenario) -> Iterator[Observation]:
    for step in scenario.steps:
        if isinstance(step, Pause):
            driver.advance(step.seconds)
        else:
            yield from driver.together(step.exchanges if isinstance(step, Together) else (step,))
