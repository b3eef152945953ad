"""The recipes of filters: each page's commands on a real Envoy, and its configuration is what lateen makes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from lateen.filterkit import native
from lateen.filterkit.catalog import catalog
from two_hosts import free_port

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "envoy_configs/recipes/filters"
CLASSIFIER, PEERS, QUOTA = (RECIPES / name for name in ("operation_classifier", "peer_metadata", "quota"))
PORTS = ("10000", "10443", "9901")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("recipe", [CLASSIFIER, PEERS, QUOTA], ids=lambda path: path.name)
def test_every_command_of_the_page_does_what_it_says(recipe: Path, tmp_path: Path) -> None:
    """The blocks as one session in bash; a command behind `!` must fail, every other must not."""
    lines = [line for block in BLOCK.findall((recipe / "README.md").read_text()) for line in block.splitlines()]
    assert any(line.startswith("envoy ") for line in lines)
    shutil.copytree(RECIPES, tmp_path / RECIPES.relative_to(ROOT))
    for suite in (catalog()[name] for name in ("operation_classifier", "peer_metadata")):
        module = tmp_path / "filters" / suite.name / f"{suite.name}.wasm"
        module.parent.mkdir(parents=True)
        module.write_bytes(suite.module())
    script = tmp_path / "session.sh"
    failing = [f"if {line[2:]}; then exit 99; fi" if line.startswith("! ") else line for line in lines]
    script.write_text("\n".join(["set -eo pipefail", *failing, ""]))
    ports = {port: str(free_port()) for port in PORTS}
    for path in (script, *tmp_path.rglob("envoy.yaml")):
        path.write_text(re.sub(rf"\b({'|'.join(PORTS)})\b", lambda match: ports[match[1]], path.read_text()))
    code, output = session(script)
    assert code == 0, f"{output}\n{(tmp_path / 'envoy.err').read_text()}"


def session(script: Path) -> tuple[int, str]:
    """Run it in its folder; everything that it starts ends."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = script.with_suffix(".log")
    with log.open("wb") as file:
        shell = subprocess.Popen(
            ["/bin/bash", "-x", script],
            cwd=script.parent,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            return shell.wait(60), log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


def http_filter(recipe: Path, name: str) -> Any:
    """The configuration of an HTTP filter of a recipe's Envoy."""
    (listener,) = yaml.safe_load((recipe / "envoy.yaml").read_text())["static_resources"]["listeners"]
    filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return next(f["typed_config"] for f in filters if f["name"] == name)


def compiled(name: str, file: Path) -> Any:
    suite = catalog()[name]
    config = yaml.safe_load(file.read_text())
    assert suite.problems(config) == []
    configuration = suite.configuration(config, suite.files(config, file.parent))
    assert configuration.problems == ()
    return configuration.value


@pytest.mark.parametrize("recipe", [CLASSIFIER, QUOTA], ids=lambda path: path.name)
def test_operations_are_those_that_the_configuration_describes(recipe: Path) -> None:
    written = http_filter(recipe, "lateen.operation_classifier")["config"]["configuration"]["value"]
    assert json.loads(written) == compiled("operation_classifier", CLASSIFIER / "classifier.yaml")


@pytest.mark.parametrize("name", ["web", "stock"])
def test_peers_say_what_their_configuration_says(name: str) -> None:
    listeners = yaml.safe_load((PEERS / "envoy.yaml").read_text())["static_resources"]["listeners"]
    [listener] = [listener for listener in listeners if listener["name"] == name]
    exchange = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]
    written = exchange["typed_config"]["config"]["configuration"]["value"]
    assert json.loads(written) == compiled("peer_metadata", PEERS / f"{name}.yaml")


def test_the_rate_limit_is_what_lateen_emits_for_the_quota() -> None:
    emitted = native.typed_config(catalog()["quota"], compiled("quota", QUOTA / "quota.yaml"))
    assert http_filter(QUOTA, "lateen.quota") == json.loads(json.dumps(emitted))
