"""Envoy lets a module do what its configuration allows, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import wat
from lateen.filterkit.catalog import Filter, catalog, noop_module, read_filter
from lateen.filterkit.check.envoy import bootstrap, check_in_envoy
from lateen.filterkit.module import read_module
from lateen.schema.binary import find_envoy, version
from lateen.xds.filters.wasm import restriction

CALLED = "proxy_set_tick_period_milliseconds"
CALLBACKS = {
    "on_context_create": "",
    "on_vm_start": "(i32.const 1)",
    "on_configure": f"(i32.eqz (call ${CALLED} (i32.const 100)))",
}
"""Envoy's answer to one call decides whether the module is configured."""


@pytest.fixture
def asker(tmp_path: Path) -> Filter:
    """A filter of that module."""
    folder = tmp_path / "asker"
    folder.mkdir()
    description = {
        "name": "asker",
        "summary": "Asks.",
        "kind": "wasm",
        "phase": "UNSPECIFIED",
        "failure_policy": "FAIL_RELOAD",
        "config": {"type": "object"},
    }
    (folder / "filter.yaml").write_text(yaml.safe_dump(description))
    (folder / "asker.wasm").write_bytes(wat.module(CALLBACKS))
    return read_filter(folder)


def machines(config: Any) -> Iterator[dict[str, Any]]:
    """Every vm_config in a configuration."""
    if isinstance(config, dict):
        if "vm_config" in config:
            yield config["vm_config"]
        for value in config.values():
            yield from machines(value)
    elif isinstance(config, list):
        for value in config:
            yield from machines(value)


def verdict(suite: Filter, folder: Path, allowed: tuple[str, ...]) -> tuple[int, str]:
    """Envoy's exit code and log for a filter that may do no more than that."""
    config = bootstrap(suite, [{}], folder)
    (machine,) = machines(config)
    machine["capability_restriction_config"] = restriction(allowed)
    file = folder / "envoy.json"
    file.write_bytes(orjson.dumps(config))
    command = [find_envoy(), "--mode", "validate", "-c", file, "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_is_derived_is_enough(asker: Filter) -> None:
    assert asker.capabilities == ("proxy_on_configure", "proxy_on_context_create", "proxy_on_vm_start", CALLED)
    envoy = find_envoy()
    assert list(check_in_envoy(asker, [{}], envoy, version(envoy))) == []


def test_a_module_that_asks_for_more_is_refused(asker: Filter, tmp_path: Path) -> None:
    assert verdict(asker, tmp_path, asker.capabilities)[0] == 0
    code, log = verdict(asker, tmp_path, read_module(noop_module()).capabilities)
    assert code != 0
    assert f"Attempted call to restricted proxy-wasm capability: {CALLED}" in log


def test_a_callback_that_is_not_allowed_never_comes(asker: Filter, tmp_path: Path) -> None:
    """So callbacks have to be among the capabilities: without them a filter is silently none."""
    code, log = verdict(asker, tmp_path, ("proxy_on_context_create", "proxy_on_vm_start"))
    assert (code, "restricted" in log) == (0, False)


@pytest.mark.parametrize("suite", [f for f in catalog().values() if f.kind == "wasm"], ids=lambda suite: suite.name)
def test_a_filter_of_the_suite_is_called_for_nothing_else_than_it_exports(suite: Filter) -> None:
    exported = read_module(suite.module()).exports
    callbacks = {name for name in exported if name.startswith("proxy_on_")} - {"proxy_on_memory_allocate"}
    assert callbacks <= set(suite.capabilities)
    assert not set(suite.capabilities) & {"fd_write", "path_open"}
