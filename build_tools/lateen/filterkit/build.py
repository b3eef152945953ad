"""Wasm modules from their Rust source, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit import manifest, toolchain
from lateen.filterkit.catalog import Filter
from lateen.filterkit.manifest import Manifest
from lateen.filterkit.module import without_custom_sections
from lateen.filterkit.toolchain import TARGET
from lateen.identity.files import write

_OVERRIDING = ("CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS")


@dataclass(frozen=True, slots=True)
class Built:
    """A module that fits its source; `rebuilt` says whether it was compiled now.

    `debug` is where the same module with the names of its functions was written: for it Envoy prints a readable stack
    when it traps. It is for one's own machine, so it is written only when a module is built.
    """

    name: str
    size: int
    sha256: str
    toolchain: str
    rebuilt: bool
    debug: str = ""


def stale(filters: Iterable[Filter]) -> list[Diagnostic]:
    """Which modules do not fit their source. Filters without a module (Lua) never are stale.

    Raises MeshError if the source is not here (LAT0611).
    """
    return [
        codes.STALE_MODULE.at(
            _origin(suite), name=suite.name, reason=reason, hint=f"lateen filters build {suite.argument}"
        )
        for suite in _with_source(filters)
        if (reason := manifest.staleness(suite))
    ]


def build(
    filters: Iterable[Filter], rebuild: bool = False, debug: Path | None = None
) -> tuple[list[Built], list[Diagnostic]]:
    """Build the modules that are stale, and write each with its manifest beside the source.

    With `rebuild` all of them are built, from nothing: cargo does not notice a changed standard library. `debug` is the
    folder for `NAME.debug.wasm`, if not cargo's target directory. Findings tell of modules that are over their budget,
    and of those that ought to have had the bytes that were there before. Raises MeshError if there is no source or no
    toolchain (LAT0611) or cargo fails (LAT0612).
    """
    modules = _with_source(filters)
    due = [suite for suite in modules if rebuild or manifest.staleness(suite)]
    done: dict[str, Built] = {}
    findings: list[Diagnostic] = []
    for workspace, members in groupby(due, manifest.workspace):
        cargo, batch = Cargo(workspace), list(members)
        compiler, folder = cargo.version(), debug or cargo.target_directory()
        built = _from_nothing(cargo, batch) if rebuild else cargo.build(suite.name for suite in batch)
        for suite in batch:
            done[suite.name], found = _replace(suite, built[suite.name], compiler, folder)
            findings += found
    return [done.get(suite.name) or _kept(suite) for suite in modules], findings


def _with_source(filters: Iterable[Filter]) -> list[Filter]:
    modules = [suite for suite in filters if suite.kind == "wasm"]
    if any(manifest.read(suite) and not (suite.directory / "Cargo.toml").exists() for suite in modules):
        reason, hint = "this installation has the built modules, not their source", "build in a checkout or the sdist"
        raise MeshError((codes.NO_TOOLCHAIN.at(Origin(), reason=reason, hint=hint),))
    return modules


def _from_nothing(cargo: Cargo, filters: Iterable[Filter]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="lateen-build-") as folder:
        return cargo.build((suite.name for suite in filters), Path(folder))


def _kept(suite: Filter) -> Built:
    kept = manifest.read(suite)
    assert kept is not None, "a module without a manifest is stale"  # noqa: S101
    return Built(suite.name, kept.size, kept.sha256, kept.toolchain, rebuilt=False)


def _replace(suite: Filter, named: bytes, compiler: str, folder: Path) -> tuple[Built, list[Diagnostic]]:
    before = manifest.read(suite)
    module = without_custom_sections(named)
    digest = hashlib.sha256(module).hexdigest()
    now = Manifest(digest, len(module), manifest.source_digest(suite), compiler, TARGET)
    debug = folder / f"{suite.name}.debug.wasm"
    write(debug, named)
    write(suite.module_path, module)
    manifest.write(suite, now)
    findings = []
    if before and (before.source, before.toolchain) == (now.source, compiler) and before.sha256 != digest:
        findings.append(codes.NOT_REPRODUCIBLE.at(_origin(suite), name=suite.name))
    budget = suite.budget.get("module_bytes")
    if budget is not None and len(module) > budget:
        findings.append(codes.OVER_BUDGET.at(_origin(suite), name=suite.name, size=len(module), budget=budget))
    return Built(suite.name, len(module), digest, compiler, rebuilt=True, debug=str(debug)), findings


def _origin(suite: Filter) -> Origin:
    return Origin(str(suite.directory / "filter.yaml"))


class Cargo:
    """The toolchain, in the environment in which it can build for wasm32."""

    def __init__(self, workspace: Path) -> None:
        """Find it. Raises MeshError (LAT0611) with what to install."""
        self._workspace = workspace.resolve()
        # Flags of the caller's would take the place of all that stand in cargo's configuration.
        own = {name: value for name, value in os.environ.items() if name not in _OVERRIDING}
        self._environment = own | toolchain.environment()

    def version(self) -> str:
        """What the compiler says of itself."""
        return self._run(self._environment.get("RUSTC", "rustc"), "--version").strip()

    def target_directory(self) -> Path:
        """Where cargo keeps what it builds."""
        return Path(self._metadata()["target_directory"])

    def build(self, packages: Iterable[str], target_directory: Path | None = None) -> dict[str, bytes]:
        """Build these packages of the workspace; gives their modules, with names. Raises MeshError (LAT0612).

        A workspace without a Cargo.lock gets one; else what it says is built.
        """
        selected = [option for package in packages for option in ("--package", package)]
        place = ["--target-dir", str(target_directory)] if target_directory else []
        options = (
            "--quiet",
            "--release",
            *self._locked(),
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        )
        flags = ("--config", f"target.{TARGET}.rustflags={json.dumps(self._flags())}")
        messages = self._run("cargo", "build", *options, *flags, *selected, *place, CARGO_PROFILE_RELEASE_STRIP="none")
        files = _files(json.loads(line) for line in messages.splitlines())
        return {name: path.read_bytes() for name, path in files}

    def _locked(self) -> tuple[str, ...]:
        return ("--locked",) if (self._workspace / "Cargo.lock").exists() else ()

    def _metadata(self) -> dict[str, Any]:
        options = (*self._locked(), "--format-version", "1", "--filter-platform", TARGET)
        listing: dict[str, Any] = json.loads(self._run("cargo", "metadata", *options))
        return listing

    def _flags(self) -> list[str]:
        """Where the sources of dependencies lie stands in messages of the module; it must not tell of this machine."""
        manifests = [Path(package["manifest_path"]) for package in self._metadata()["packages"]]
        folders = {path.parents[1] for path in manifests if not path.is_relative_to(self._workspace)}
        return [f"--remap-path-prefix={folder}=crates" for folder in sorted(folders)]

    def _run(self, *command: str, **settings: str) -> str:
        environment = self._environment | settings
        try:
            answer = subprocess.run(
                command, cwd=self._workspace, env=environment, capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise _failed(self._workspace, str(error)) from error
        if answer.returncode:
            raise _failed(self._workspace, answer.stderr.strip() or f"{command[0]} exits with {answer.returncode}")
        return answer.stdout


def _failed(workspace: Path, reason: str) -> MeshError:
    return MeshError((codes.BUILD_FAILED.at(Origin(str(workspace)), reason=reason),))


def _files(messages: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Path]]:
    for message in messages:
        if message["reason"] == "compiler-artifact":
            modules = (Path(file) for file in message["filenames"] if file.endswith(".wasm"))
            yield from ((message["target"]["name"], path) for path in modules)
