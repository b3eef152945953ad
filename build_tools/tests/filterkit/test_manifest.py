"""When a built module fits its source, and when it does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lateen.filterkit import build, manifest
from lateen.filterkit.catalog import Filter, catalog, read_filter


@pytest.fixture
def suite(tmp_path: Path) -> Filter:
    """A copy of the workspace with one built filter, to be spoiled."""
    source = catalog()["peer_metadata"].directory.parent
    for name in ("Cargo.toml", "Cargo.lock"):
        shutil.copy(source / name, tmp_path / name)
    for folder in (".cargo", "sdk", "peer_metadata"):
        shutil.copytree(source / folder, tmp_path / folder)
    return read_filter(tmp_path / "peer_metadata")


def test_every_module_of_the_suite_fits_its_source() -> None:
    assert build.stale(catalog().values()) == []


def test_a_module_fits_wherever_the_checkout_lies(suite: Filter) -> None:
    assert build.stale([suite]) == []


def append(path: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        with (root / path).open("a") as file:
            file.write("\n// more\n")

    return spoil


def remove(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


def replace(path: str, text: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        (root / path).write_text(text)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (append("peer_metadata/src/lib.rs"), "the source has changed"),
        (append("sdk/src/abi.rs"), "the source has changed"),
        (append("Cargo.lock"), "the source has changed"),
        (append(".cargo/config.toml"), "the source has changed"),
        (replace("peer_metadata/src/new.rs", ""), "the source has changed"),
        (remove("sdk/src/fake.rs"), "the source has changed"),
        (append("peer_metadata/peer_metadata.wasm"), "its bytes are not those"),
        (remove("peer_metadata/peer_metadata.wasm"), "it has not been built"),
        (remove("peer_metadata/module.json"), "it has no module.json"),
        (replace("peer_metadata/module.json", "{"), "it has no module.json"),
        (replace("peer_metadata/module.json", "[]"), "it has no module.json"),
        (replace("peer_metadata/module.json", '{"version": 1}'), "it has no module.json"),
        (replace("peer_metadata/module.json", '{"version": 2}'), "it has no module.json"),
    ],
)
def test_a_module_that_does_not_fit_is_stale(suite: Filter, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(suite.directory.parent)
    (finding,) = build.stale([suite])
    assert finding.code == "LAT0610"
    assert f"peer_metadata does not fit its source: {reason}" in finding.message
    assert finding.hint == f"lateen filters build {suite.directory}"


@pytest.mark.parametrize("name", ["README.md", "filter.yaml", "scenarios/more.yaml"])
def test_what_does_not_decide_the_bytes_makes_nothing_stale(suite: Filter, name: str) -> None:
    with (suite.directory / name).open("a") as file:
        file.write("\n# more\n")
    assert build.stale([suite]) == []


def test_content_that_moves_between_files_changes_the_digest(suite: Filter) -> None:
    before = manifest.source_digest(suite)
    (suite.directory / "src" / "lib.rs").rename(suite.directory / "src" / "renamed.rs")
    assert manifest.source_digest(suite) != before


def test_a_manifest_is_read_as_it_was_written(suite: Filter) -> None:
    written = manifest.Manifest("a" * 64, 7, "b" * 64, "rustc", "wasm32-unknown-unknown")
    manifest.write(suite, written)
    assert manifest.read(suite) == written
    assert json.loads((suite.directory / "module.json").read_text())["version"] == manifest.VERSION
