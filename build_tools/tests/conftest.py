"""Fixtures for all stages: `golden` files, which `make golden` rewrites, and `mesh_of`, a mesh from YAML text."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from lateen.api.check import check
from lateen.api.mesh_config import check_mesh_config
from lateen.model.build import build
from lateen.model.mesh import Mesh
from lateen.source.document import Source
from lateen.source.read import read

GOLDEN = Path(__file__).parent / "golden"
REWRITE = os.environ.get("LATEEN_GOLDEN") == "write"

settings.register_profile("unit", max_examples=30, deadline=None)
settings.register_profile("fuzz", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], None]:
    """`golden("xds/two-services/out.listeners.json", text)` fails with a diff when the file says otherwise."""

    def check(name: str, actual: str) -> None:
        path = GOLDEN / name
        if REWRITE:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual)
        expected = path.read_text() if path.exists() else ""
        if actual != expected:
            lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), name, "actual", lineterm="")
            diff = "\n".join(lines)
            pytest.fail(f"{diff}\n\nIf this is what you want: make golden", pytrace=False)

    return check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that compare golden files, so that `make golden` can run just those."""
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")


@pytest.fixture(scope="session")
def mesh_of() -> Callable[..., Mesh]:
    """`mesh_of(yaml, mesh_config=None, domain_suffix="cluster.local")`: the mesh with all findings, errors included."""

    def load(text: str, mesh_config: str | None = None, domain_suffix: str = "cluster.local") -> Mesh:
        loaded = read(Source(text, "mesh.yaml"))
        resources, found = check(loaded.documents)
        config, config_found = check_mesh_config(mesh_config)
        mesh, built = build(resources, config, domain_suffix)
        return mesh.with_diagnostics((*loaded.diagnostics, *found, *config_found, *built))

    return load
