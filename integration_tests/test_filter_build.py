"""A module can be built again: the same bytes from another folder."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from lateen.filterkit import manifest
from lateen.filterkit.build import Cargo
from lateen.filterkit.catalog import catalog


def test_a_module_has_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    suite = catalog()["peer_metadata"]
    elsewhere = tmp_path / "elsewhere" / "filters"
    shutil.copytree(suite.directory.parent, elsewhere)
    here, there = Cargo(suite.directory.parent), Cargo(elsewhere)
    modules = [
        cargo.build([suite.name], tmp_path / target)[suite.name] for cargo, target in ((here, "a"), (there, "b"))
    ]
    digests = [hashlib.sha256(module).hexdigest() for module in modules]
    assert digests[0] == digests[1]
    recorded = manifest.read(suite)
    assert recorded is not None
    if recorded.toolchain == here.version():
        assert digests[0] == recorded.sha256
