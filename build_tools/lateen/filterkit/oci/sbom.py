"""What a filter is made of, in CycloneDX 1.6, from its own `Cargo.lock`: offline, without cargo, without a clock."""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.filterkit import BUILD_FAILED
from lateen.filterkit import manifest as provenance
from lateen.filterkit.catalog import Filter
from lateen.filterkit.oci.content import canonical, digest_of
from lateen.version import __version__

MEDIA_TYPE = "application/vnd.cyclonedx+json"

_LOCK = "Cargo.lock"
_RUSTC = re.compile(r"rustc (\d+\.\d+\.\d+)")
_CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"

Crate = dict[str, Any]
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
    components = [_component(crates.known[needed]) for needed in edges if needed != ref] if crates else []
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
    """The crates of a `Cargo.lock`, by `name@version`. Raises MeshError (LAT0612) if it cannot be read."""

    def __init__(self, lock: Path, crate: Path) -> None:
        self.known: dict[str, Crate] = {_ref(found): found for found in _toml(lock).get("package", ())}
        self._tested_with = dict(_tested_with({crate / "Cargo.toml", *lock.parent.glob("*/Cargo.toml")}))

    def named(self, name: str, version: str = "") -> Crate | None:
        """The crate of that name, and version if there are several."""
        found = (c for c in self.known.values() if c["name"] == name and version in ("", c["version"]))
        return next(found, None)

    def reachable(self, root: str) -> dict[str, list[str]]:
        """What the root needs, itself included, each with what it needs itself."""
        edges: dict[str, list[str]] = {}
        due = [crate] if (crate := self.named(root)) else []
        while due:
            crate = due.pop()
            if _ref(crate) not in edges:
                needed = list(self._needed(crate))
                edges[_ref(crate)] = sorted(map(_ref, needed))
                due += needed
        return edges

    def _needed(self, crate: Crate) -> Iterator[Crate]:
        """Of somebody else's crate the lock has no test dependencies."""
        left_out = self._tested_with.get(crate["name"], set()) if "source" not in crate else set()
        for entry in crate.get("dependencies", ()):
            name, _, rest = entry.partition(" ")
            if name not in left_out and (found := self.named(name, rest.partition(" ")[0])):
                yield found


def _tested_with(manifests: Iterable[Path]) -> Iterator[tuple[str, set[str]]]:
    """Crates of a workspace, each with the crates that its tests alone need: Cargo.lock tells no difference."""
    for path in sorted(manifests):
        fields = _toml(path) if path.exists() else {}
        if name := fields.get("package", {}).get("name"):
            tables = [fields, *fields.get("target", {}).values()]
            needed = _names(tables, "dependencies") | _names(tables, "build-dependencies")
            yield name, _names(tables, "dev-dependencies") - needed


def _names(tables: list[dict[str, Any]], kind: str) -> set[str]:
    """The crates that a kind of dependency names; a key can be another name of one."""
    entries = [entry for table in tables for entry in table.get(kind, {}).items()]
    return {spec.get("package", key) if isinstance(spec, dict) else key for key, spec in entries}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except ValueError as error:
        raise MeshError((BUILD_FAILED.at(Origin(str(path)), reason=str(error)),)) from error


def _component(crate: Crate) -> dict[str, Any]:
    component = {"type": "library", "bom-ref": _ref(crate), "name": crate["name"], "version": crate["version"]}
    source = crate.get("source", "")
    if source == _CRATES_IO:
        component["purl"] = f"pkg:cargo/{_ref(crate)}"
    elif source.startswith("git+"):
        component["externalReferences"] = [{"type": "vcs", "url": source.removeprefix("git+")}]
    if checksum := crate.get("checksum"):
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
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


def _ref(crate: Crate) -> str:
    return f"{crate['name']}@{crate['version']}"
