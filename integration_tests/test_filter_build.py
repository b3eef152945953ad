"""A module can be built again: the same bytes from another folder."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from lateen.filterkit import manifest
from lateen.filterkit.build import Cargo
from lateen.filterkit.catalog import catalog
from lateen.filterkit.module import read_module, without_custom_sections

PATH_INDEPENDENT = (1, 96)
"""The oldest rustc with which this is known to hold; 1.85 gives other bytes, those between were not tried."""


def test_a_module_has_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    suite = catalog()["peer_metadata"]
    elsewhere = tmp_path / "elsewhere" / "filters"
    shutil.copytree(suite.directory.parent, elsewhere)
    here, there = Cargo(suite.directory.parent), Cargo(elsewhere)
    version = tuple(int(part) for part in here.version().split()[1].split(".")[:2])
    if version < PATH_INDEPENDENT:
        pytest.skip(f"rustc {version[0]}.{version[1]} is not known to give the same bytes from another folder")
    modules = [
        cargo.build([suite.name], tmp_path / target)[suite.name] for cargo, target in ((here, "a"), (there, "b"))
    ]
    assert "name" in read_module(modules[0]).sections
    digests = [hashlib.sha256(without_custom_sections(module)).hexdigest() for module in modules]
    assert modules[0] == modules[1]
    recorded = manifest.read(suite)
    assert recorded is not None
    if recorded.toolchain == here.version():
        assert digests[0] == recorded.sha256
