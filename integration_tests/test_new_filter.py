"""What `lateen filters new` writes builds, passes its tests and runs in Envoy at once, wherever it lies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lateen.filterkit import toolchain
from lateen.filterkit.module import read_module
from lateen.filterkit.scaffold import KINDS
from lateen.filterkit.scenarios.run import HOSTS

LATEEN = Path(sys.executable).with_name("lateen")


def works(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that must succeed, with a Rust that can build for wasm32."""
    environment = os.environ | toolchain.environment()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new Wasm filter, built."""
    folder = tmp_path_factory.mktemp("new")
    works(LATEEN, "filters", "new", "gate", "--kind", "wasm", cwd=folder)
    works(LATEEN, "filters", "build", "gate", cwd=folder)
    return folder / "gate"


def test_its_own_tests_and_lints_pass(gate: Path) -> None:
    works("cargo", "test", "--locked", "--quiet", cwd=gate)
    if shutil.which("cargo-clippy"):
        works("cargo", "fmt", "--all", "--check", cwd=gate)


@pytest.mark.parametrize("kind", KINDS)
def test_its_scenarios_hold(kind: str, gate: Path, tmp_path: Path) -> None:
    folder = gate
    if kind != "wasm":
        works(LATEEN, "filters", "new", "gate", "--kind", kind, cwd=tmp_path)
        folder = tmp_path / "gate"
    (result,) = json.loads(works(LATEEN, "filters", "test", ".", "-o", "json", cwd=folder))["filters"]
    assert len(result["scenarios"]) == 7 * len(HOSTS)
    assert {scenario["state"] for scenario in result["scenarios"]} == {"passed"}


def test_it_is_not_stale_and_git_would_keep_what_counts(gate: Path) -> None:
    assert works(LATEEN, "filters", "build", "--check", ".", cwd=gate) == "every module fits its source\n"
    works("git", "init", "-q", ".", cwd=gate)
    listed = works("git", "ls-files", "--others", "--exclude-standard", cwd=gate).splitlines()
    shutil.rmtree(gate / ".git")
    assert {"gate.wasm", "module.json", "Cargo.lock", "sdk/src/lib.rs"} <= set(listed)
    assert not [name for name in listed if name.startswith("target/")]


def test_a_change_of_the_sdk_makes_it_stale(gate: Path, tmp_path: Path) -> None:
    changed = tmp_path / "gate"
    shutil.copytree(gate, changed, ignore=shutil.ignore_patterns("target"))
    with (changed / "sdk/src/lib.rs").open("a") as file:
        file.write("\n// more\n")
    done = subprocess.run([LATEEN, "filters", "build", "--check", changed], capture_output=True, check=False)
    assert done.returncode == 1


def test_the_same_bytes_come_of_another_folder_and_the_names_are_beside(gate: Path, tmp_path: Path) -> None:
    again = tmp_path / "somewhere else" / "gate"
    shutil.copytree(gate, again, ignore=shutil.ignore_patterns("target"))
    (answer,) = json.loads(works(LATEEN, "filters", "build", "--rebuild", ".", "-o", "json", cwd=again))["modules"]
    assert (again / "gate.wasm").read_bytes() == (gate / "gate.wasm").read_bytes()
    assert read_module((again / "gate.wasm").read_bytes()).sections == ()
    debug = Path(answer["debug"]).read_bytes()
    assert "name" in read_module(debug).sections
    assert b"serde_json" in debug
    assert str(tmp_path).encode() not in debug
