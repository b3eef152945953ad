"""Whole meshes: every resource of every proxy as a golden file, each accepted by a real Envoy."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

import lateen
from lateen.emit import to_yaml
from lateen.filterkit.catalog import noop_module
from lateen.model.mesh import Mesh
from lateen.model.placement import place_by_cidr
from lateen.modules import Cache
from lateen.schema.binary import find_envoy
from lateen.source.document import Source
from lateen.verification import verify_many
from lateen.xds.snapshot import Snapshot

GOLDEN = Path(__file__).parents[2] / "golden" / "snapshot"
_FOLDER = tempfile.TemporaryDirectory(prefix="lateen-golden-")
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/in.yaml"))


@cache
def compiled(case: str) -> dict[str, Snapshot]:
    """Every proxy of the mesh in `in.yaml`, with the MeshConfig and node metadata beside it."""
    folder = GOLDEN / case
    config, metadata = folder / "in.mesh.yaml", folder / "in.metadata.yaml"
    mesh = place_by_cidr(_load(folder, config.read_text() if config.exists() else None), "192.0.2.0/24")
    more = yaml.safe_load(metadata.read_text()) if metadata.exists() else {}
    proxies = [replace(proxy, metadata={**proxy.metadata, **more}) for proxy in mesh.proxies()]
    return {f"{proxy.name}.{proxy.namespace}": lateen.compile(mesh, proxy) for proxy in proxies}


def _load(folder: Path, config: str | None) -> Mesh:
    """The mesh; with `in.lateen.lock` from a folder of its own, where each URL has the module that does nothing."""
    lock = folder / "in.lateen.lock"
    if not lock.exists():
        return lateen.load(Source((folder / "in.yaml").read_text(), "in.yaml"), mesh_config=config)
    place = Path(_FOLDER.name) / folder.name
    place.mkdir()
    shutil.copy(folder / "in.yaml", place)
    shutil.copy(lock, place / "lateen.lock")
    Cache(place / "cache").put(noop_module())
    with contextlib.chdir(place):
        return lateen.load(Path("in.yaml"), mesh_config=config, cache=place / "cache")


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, golden: Callable[[str, str], None]) -> None:
    for key, snapshot in compiled(case).items():
        # A module's file name tells its content, and a rebuilt module is no change of the compiler.
        text = re.sub(r"-[0-9a-f]{12}\.wasm", "-DIGEST.wasm", to_yaml(snapshot.to_dict()))
        golden(f"snapshot/{case}/out.{key}.yaml", text)


def test_envoy_takes_every_golden_file() -> None:
    named = [(f"{case}/{key}", snapshot) for case in CASES for key, snapshot in compiled(case).items()]
    findings = verify_many([snapshot for _, snapshot in named], find_envoy())
    assert {name: found for (name, _), found in zip(named, findings, strict=True) if found} == {}


@pytest.mark.parametrize("case", CASES)
def test_every_part_of_a_golden_file_that_came_from_yaml_knows_its_place(case: str) -> None:
    for snapshot in compiled(case).values():
        for (attribute, name, path), origin in snapshot.origins.items():
            assert name in getattr(snapshot, attribute), (attribute, name)
            assert origin.file == "in.yaml", (attribute, name, path)
            assert origin.line > 0
