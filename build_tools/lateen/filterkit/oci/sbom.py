"""What a filter is made of, in CycloneDX 1.6, from its own `Cargo.lock`: offline, without cargo, without a clock."""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from lateen.filterkit import manifest as provenance
from lateen.filterkit.catalog import Filter
from lateen.filterkit.oci.content import canonical, digest_of
from lateen.version import __version__

MEDIA_TYPE = "application/vnd.cyclonedx+json"

_LOCK = "Cargo.lock"
_RUSTC = re.compile(r"rustc (\d+\.\d+\.\d+)")
_TABLES = ("dependencies", "build-dependencies")

Package = dict[str, Any]
"""A `[[package]]` of Cargo.lock."""


def cyclonedx(suite: Filter, content: bytes) -> bytes:
    """The bill of materials of a filter whose module or source is `content`.

    The crates are all that `Cargo.lock` can bring into the module or its build; what serves tests alone is left out.
    Without a `Cargo.lock` (a filter of an installed lateen) the composition is `unknown`, as CycloneDX calls it.
    """
    crates = _crates(suite)
    edges = crates.reachable(suite.name) if crates else {}
    root = crates.named(suite.name) if crates else None
    ref = _ref(root) if root else suite.name
    links = {ref: [], **edges}
    components = [_component(crates.packages[needed]) for needed in edges if needed != ref] if crates else []
    if standard := _standard_library(suite):
        components.append(standard)
        links[ref] = sorted([*links[ref], standard["bom-ref"]])
    complete = suite.kind != "wasm" or ref in edges
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": ref,
                "name": suite.name,
                **({"version": root["version"]} if root else {}),
                "description": suite.summary,
                "hashes": [{"alg": "SHA-256", "content": digest_of(content).removeprefix("sha256:")}],
            },
            "tools": {"components": [{"type": "application", "name": "lateen", "version": __version__}]},
        },
        "components": sorted(components, key=itemgetter("bom-ref")),
        "dependencies": [{"ref": needing, "dependsOn": needed} for needing, needed in sorted(links.items())],
        "compositions": [{"aggregate": "complete" if complete else "unknown", "dependencies": [ref]}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, digest_of(canonical(bill)))
    return canonical(bill | {"serialNumber": serial.urn})


def _crates(suite: Filter) -> _Crates | None:
    """What the filter's Cargo.lock, or its workspace's, has; None if the filter is not built by cargo, or not here."""
    if suite.kind != "wasm":
        return None
    locks = (folder / _LOCK for folder in (suite.directory, suite.directory.parent))
    lock = next((path for path in locks if path.exists()), None)
    return _Crates(lock, suite.directory) if lock else None


class _Crates:
    """The packages of a `Cargo.lock`, by `name@version`."""

    def __init__(self, lock: Path, crate: Path) -> None:
        self.packages: dict[str, Package] = {
            _ref(package): package for package in tomllib.loads(lock.read_text())["package"]
        }
        self._wanted = dict(_wanted(lock.parent, crate))

    def named(self, name: str, version: str = "") -> Package | None:
        """The package of that name, and version if there are several."""
        found = (p for p in self.packages.values() if p["name"] == name and version in ("", p["version"]))
        return next(found, None)

    def reachable(self, root: str) -> dict[str, list[str]]:
        """What the root needs, itself included, each with what it needs itself."""
        edges: dict[str, list[str]] = {}
        due = [package] if (package := self.named(root)) else []
        while due:
            package = due.pop()
            if _ref(package) not in edges:
                needed = list(self._needed(package))
                edges[_ref(package)] = sorted(map(_ref, needed))
                due += needed
        return edges

    def _needed(self, package: Package) -> Iterator[Package]:
        wanted = self._wanted.get(package["name"]) if "source" not in package else None
        for entry in package.get("dependencies", ()):
            name, _, rest = entry.partition(" ")
            found = self.named(name, rest.partition(" ")[0])
            if found and (wanted is None or name in wanted):
                yield found


def _wanted(workspace: Path, crate: Path) -> Iterator[tuple[str, set[str]]]:
    """The crates of a workspace, each with what it depends on; Cargo.lock alone does not tell what only tests need."""
    manifests = {crate / "Cargo.toml", *workspace.glob("*/Cargo.toml"), *workspace.glob("Cargo.toml")}
    for path in sorted(manifests):
        fields = tomllib.loads(path.read_text()) if path.exists() else {}
        if name := fields.get("package", {}).get("name"):
            tables = [fields, *fields.get("target", {}).values()]
            entries = [entry for table in tables for kind in _TABLES for entry in table.get(kind, {}).items()]
            yield name, {spec.get("package", key) if isinstance(spec, dict) else key for key, spec in entries}


def _component(package: Package) -> dict[str, Any]:
    name, version = package["name"], package["version"]
    component = {"type": "library", "bom-ref": _ref(package), "name": name, "version": version}
    if "source" in package:
        component |= {"purl": f"pkg:cargo/{name}@{version}"}
    if checksum := package.get("checksum"):
        component |= {"hashes": [{"alg": "SHA-256", "content": checksum}]}
    return component


def _standard_library(suite: Filter) -> dict[str, Any] | None:
    """Rust's, which is part of every module, at the version of the compiler in module.json."""
    recorded = provenance.read(suite)
    found = _RUSTC.match(recorded.toolchain) if recorded else None
    if not found:
        return None
    version = found[1]
    return {
        "type": "library",
        "bom-ref": f"rust-std@{version}",
        "name": "rust-std",
        "version": version,
        "cpe": f"cpe:2.3:a:rust-lang:rust:{version}:*:*:*:*:*:*:*",
    }


def _ref(package: Package) -> str:
    return f"{package['name']}@{package['version']}"
