"""Wasm modules from their Rust source, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit import manifest
from lateen.filterkit.catalog import Filter
from lateen.filterkit.manifest import Manifest

TARGET = "wasm32-unknown-unknown"

_ENVIRONMENT_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "rust-env.sh"
_EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)
_FLAGS = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"
_SEPARATOR = "\x1f"
_HINT = f"rustup target add {TARGET}, or on Debian, as root: make setup-rust"


@dataclass(frozen=True, slots=True)
class Built:
    """A module that fits its source; `rebuilt` says whether it was compiled now."""

    name: str
    size: int
    sha256: str
    toolchain: str
    rebuilt: bool


def stale(filters: Iterable[Filter]) -> list[Diagnostic]:
    """Which modules do not fit their source. Filters without a module (Lua) never are stale.

    Raises MeshError if the source is not here (LAT0611).
    """
    return [
        codes.STALE_MODULE.at(_origin(suite), name=suite.name, reason=reason, hint=f"lateen filters build {suite.name}")
        for suite in _with_source(filters)
        if (reason := manifest.staleness(suite))
    ]


def build(filters: Iterable[Filter], rebuild: bool = False) -> tuple[list[Built], list[Diagnostic]]:
    """Build the modules that are stale, and write each with its manifest beside the source.

    With `rebuild` all of them are built, from nothing: cargo does not notice a changed standard library. Findings tell
    of modules that are over their budget, and of those that ought to have had the bytes that were there before. Raises
    MeshError if there is no source or no toolchain (LAT0611) or cargo fails (LAT0612).
    """
    modules = _with_source(filters)
    due = [suite for suite in modules if rebuild or manifest.staleness(suite)]
    done: dict[str, Built] = {}
    findings: list[Diagnostic] = []
    if due:
        cargo = Cargo(due[0].directory.parent)
        toolchain = cargo.version()
        built = _from_nothing(cargo, due) if rebuild else cargo.build(suite.name for suite in due)
        for suite in due:
            done[suite.name], found = _replace(suite, built[suite.name], toolchain)
            findings += found
    return [done.get(suite.name) or _kept(suite) for suite in modules], findings


def _with_source(filters: Iterable[Filter]) -> list[Filter]:
    modules = [suite for suite in filters if suite.kind == "wasm"]
    if any(manifest.read(suite) and not (suite.directory / "Cargo.toml").exists() for suite in modules):
        reason = "this installation has the built modules, not their source"
        raise _cannot_build(reason, "build them in a checkout or in the unpacked sdist")
    return modules


def _from_nothing(cargo: Cargo, filters: Iterable[Filter]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="lateen-build-") as folder:
        return cargo.build((suite.name for suite in filters), Path(folder))


def _kept(suite: Filter) -> Built:
    kept = manifest.read(suite)
    assert kept is not None, "a module without a manifest is stale"  # noqa: S101
    return Built(suite.name, kept.size, kept.sha256, kept.toolchain, rebuilt=False)


def _replace(suite: Filter, module: bytes, toolchain: str) -> tuple[Built, list[Diagnostic]]:
    before = manifest.read(suite)
    digest = hashlib.sha256(module).hexdigest()
    now = Manifest(digest, len(module), manifest.source_digest(suite), toolchain, TARGET)
    (suite.directory / f"{suite.name}.wasm").write_bytes(module)
    manifest.write(suite, now)
    findings = []
    if before and (before.source, before.toolchain) == (now.source, toolchain) and before.sha256 != digest:
        findings.append(codes.NOT_REPRODUCIBLE.at(_origin(suite), name=suite.name))
    budget = suite.budget.get("module_bytes")
    if budget is not None and len(module) > budget:
        findings.append(codes.OVER_BUDGET.at(_origin(suite), name=suite.name, size=len(module), budget=budget))
    return Built(suite.name, len(module), digest, toolchain, rebuilt=True), findings


def _origin(suite: Filter) -> Origin:
    return Origin(str(suite.directory / "filter.yaml"))


class Cargo:
    """The toolchain, in the environment in which it can build for wasm32."""

    def __init__(self, workspace: Path) -> None:
        """Find it. Raises MeshError (LAT0611) with what to install."""
        self._workspace = workspace
        self._environment = os.environ | _toolchain_environment()
        if shutil.which("cargo", path=self._environment.get("PATH")) is None:
            raise _cannot_build("there is no cargo")

    def version(self) -> str:
        """What the compiler says of itself."""
        return self._run("rustc", "--version").strip()

    def build(self, packages: Iterable[str], target_directory: Path | None = None) -> dict[str, bytes]:
        """Build these packages of the workspace; gives their modules. Raises MeshError (LAT0612)."""
        selected = [option for package in packages for option in ("--package", package)]
        place = ["--target-dir", str(target_directory)] if target_directory else []
        options = ("--release", "--locked", "--target", TARGET, "--message-format", "json-render-diagnostics")
        flags = {"CARGO_ENCODED_RUSTFLAGS": _SEPARATOR.join(self._flags())}
        messages = self._run("cargo", "build", *options, *selected, *place, **flags)
        files = _files(json.loads(line) for line in messages.splitlines())
        return {name: path.read_bytes() for name, path in files}

    def _flags(self) -> list[str]:
        """Where the sources of dependencies lie stands in messages of the module; it must not tell of this machine."""
        listing = self._run("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET)
        manifests = [Path(package["manifest_path"]) for package in json.loads(listing)["packages"]]
        folders = {path.parents[1] for path in manifests if not path.is_relative_to(self._workspace)}
        given = self._environment.get(_FLAGS, "").split()
        return given + [f"--remap-path-prefix={folder}=crates" for folder in sorted(folders)]

    def _run(self, *command: str, **environment: str) -> str:
        answer = subprocess.run(
            command,
            cwd=self._workspace,
            env=self._environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            reason = answer.stderr.strip() or f"{command[0]} exits with {answer.returncode}"
            raise MeshError((codes.BUILD_FAILED.at(Origin(str(self._workspace)), reason=reason),))
        return answer.stdout


def _files(messages: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Path]]:
    for message in messages:
        if message["reason"] == "compiler-artifact":
            modules = (Path(file) for file in message["filenames"] if file.endswith(".wasm"))
            yield from ((message["target"]["name"], path) for path in modules)


def _toolchain_environment() -> dict[str, str]:
    """What the checkout's script says; outside of a checkout the toolchain is used as it is."""
    if not _ENVIRONMENT_SCRIPT.exists():
        return {}
    answer = subprocess.run(["sh", _ENVIRONMENT_SCRIPT], capture_output=True, text=True, check=False)  # noqa: S607
    if answer.returncode:
        raise _cannot_build(answer.stderr.strip())
    return dict(_EXPORT.findall(answer.stdout))


def _cannot_build(reason: str, hint: str = _HINT) -> MeshError:
    return MeshError((codes.NO_TOOLCHAIN.at(Origin(), reason=reason, hint=hint),))
