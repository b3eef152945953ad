"""Everything that can be checked of a filter without a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import workbench
from lateen.filterkit.catalog import Filter
from lateen.filterkit.check.envoy import check_in_envoy
from lateen.filterkit.check.lua import check_lua
from lateen.filterkit.check.wasm import check_wasm
from lateen.filterkit.configured import configured
from lateen.filterkit.scenarios.read import read_scenarios
from lateen.source.document import Document


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and with how many configurations Envoy was asked."""

    findings: tuple[Diagnostic, ...]
    configurations: int


def check(suite: Filter, envoy: Path, version: str, config: Document | None = None) -> Checked:
    """Check a filter: its description, its code, its scenarios, and whether Envoy takes it.

    Without `config` the configurations of the scenarios are used (but for those that a filter is to refuse), or the
    empty one if there are none and the filter's schema accepts it. Envoy is asked only about what has no other error.
    """
    findings = list(_schema(suite))
    configs: list[Any] = []
    if not findings:
        configs, found = _configurations(suite, config)
        findings += found
    if suite.kind == "wasm":
        findings += check_wasm(suite, envoy, version)
    elif suite.kind == "lua":
        findings += check_lua(suite, next((each for each in configs if _enforced(each)), None))
    if not findings:
        findings += check_in_envoy(suite, configs, envoy, version)
    return Checked(tuple(findings), len(configs))


def _schema(suite: Filter) -> Iterator[Diagnostic]:
    try:
        jsonschema_rs.validator_for(suite.config_schema)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        problem = str(getattr(error, "message", error)).partition("\n")[0]
        yield workbench.BAD_CONFIG_SCHEMA.at(Origin(str(suite.directory / "filter.yaml")), problem=problem)


def _configurations(suite: Filter, config: Document | None) -> tuple[list[Any], list[Diagnostic]]:
    if config is not None:
        given, findings = configured(suite, config)
        return [given.value], findings
    scenarios, findings = read_scenarios(suite)
    configs = _distinct(scenario.config for scenario in scenarios if not scenario.refused)
    if not configs and not findings:
        nothing, refusals = configured(suite, Document({}, str(suite.directory / "filter.yaml")))
        if refusals:
            findings.append(workbench.NO_CONFIGURATION.at(Origin(str(suite.directory)), name=suite.name))
        else:
            configs = [nothing.value]
    return configs, findings


def _distinct(configs: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for config in configs:
        if config not in found:
            found.append(config)
    return found


def _enforced(config: Any) -> bool:
    return not isinstance(config, dict) or config.get("mode", "enforce") == "enforce"
