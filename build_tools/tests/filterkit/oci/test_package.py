"""What is in an image of a filter, and that it is the same wherever and whenever it is made."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cyclonedx.model.bom import Bom

from lateen.diagnostics import MeshError
from lateen.filterkit import manifest as provenance
from lateen.filterkit.catalog import Filter, catalog, read_filter
from lateen.filterkit.oci import archive, layout
from lateen.filterkit.oci.content import Image
from lateen.filterkit.oci.package import package

NAME = "peer_metadata"
LOCK = """\
version = 4
[[package]]
name = "peer_metadata"
version = "1.2.3"
dependencies = ["lateen-sdk", "proptest", "twice 2.0.0"]
[[package]]
name = "lateen-sdk"
version = "0.1.0"
[[package]]
name = "proptest"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"
[[package]]
name = "twice"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
[[package]]
name = "twice"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "bb"
dependencies = ["deep"]
[[package]]
name = "deep"
version = "0.0.1"
source = "git+https://git.example/deep?rev=1#1234"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Filter:
    """A copy of the workspace with one built filter, to be changed."""
    source = catalog()[NAME].directory.parent
    for name in ("Cargo.toml", "Cargo.lock"):
        shutil.copy(source / name, tmp_path / name)
    for folder in (".cargo", "sdk", NAME):
        shutil.copytree(source / folder, tmp_path / folder)
    return read_filter(tmp_path / NAME)


def bill(image: Image) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(image.blobs[1].content)
    return found


def test_the_compat_image_has_the_module_in_its_one_layer() -> None:
    suite = catalog()[NAME]
    image = package(suite, ["compat"])[0].image
    config, layer = image.blobs
    assert image.fields["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert image.fields["annotations"]["module.wasm.image/variant"] == "compat"
    assert [entry["mediaType"] for entry in image.fields["layers"]] == ["application/vnd.oci.image.layer.v1.tar+gzip"]
    unpacked = gzip.decompress(layer.content)
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as files:
        assert files.getnames() == ["plugin.wasm", "runtime-config.json"]
        module, runtime = (files.extractfile(name) for name in files.getnames())
        assert module is not None
        assert runtime is not None
        assert module.read() == suite.module()
        assert json.load(runtime) == {
            "type": "envoy_proxy",
            "abiVersions": ["0.2.1"],
            "config": {"root_ids": [NAME]},
        }
    assert json.loads(config.content)["rootfs"]["diff_ids"] == [f"sha256:{sha256(unpacked)}"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_oci_image_has_config_and_module_as_layers() -> None:
    suite = catalog()[NAME]
    image = package(suite, ["oci"])[0].image
    assert [entry["mediaType"] for entry in image.fields["layers"]] == [
        "application/vnd.module.wasm.config.v1+json",
        "application/vnd.module.wasm.content.layer.v1+wasm",
    ]
    assert image.blobs[-1].content == suite.module()


def test_an_image_tells_what_its_module_was_built_from() -> None:
    suite = catalog()[NAME]
    recorded = provenance.read(suite)
    assert recorded is not None
    for found in package(suite):
        annotations = found.image.fields["annotations"]
        assert annotations["org.opencontainers.image.title"] == NAME
        assert annotations["lateen.filter.sha256"] == suite.sha256
        assert annotations["lateen.module.source"] == recorded.source
        assert annotations["lateen.module.toolchain"] == recorded.toolchain


def test_an_sbom_refers_to_its_image() -> None:
    for found in package(catalog()[NAME]):
        assert found.sbom.fields["subject"]["digest"] == found.image.digest
        assert found.sbom.fields["subject"]["size"] == len(found.image.manifest.content)
        assert found.sbom.fields["artifactType"] == "application/vnd.cyclonedx+json"


def test_the_same_filter_gives_the_same_bytes_at_another_place_and_time(suite: Filter, tmp_path: Path) -> None:
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    here, there = package(catalog()[NAME]), package(suite)
    assert here == there
    layout.write(here, tmp_path / "here")
    layout.write(there, tmp_path / "there")
    assert content(tmp_path / "here") == content(tmp_path / "there")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_every_gzip_reader_reads_what_is_stored(size: int) -> None:
    data = os.urandom(size)
    assert gzip.decompress(archive.gzip(data)) == data


def test_a_lua_filter_is_an_artifact_with_its_source() -> None:
    (found,) = package(catalog()["tenant_context"])
    assert found.layout == "lua"
    assert found.image.fields["artifactType"] == "application/vnd.lateen.filter.lua.v1"
    assert found.image.blobs[-1].content == (catalog()["tenant_context"].directory / "filter.lua").read_bytes()
    assert bill(found.sbom)["compositions"][0]["aggregate"] == "complete"


def test_an_sbom_has_what_the_lock_brings_into_the_module_and_nothing_else(suite: Filter, tmp_path: Path) -> None:
    (tmp_path / "Cargo.lock").write_text(LOCK)
    cargo = suite.directory / "Cargo.toml"
    cargo.write_text(cargo.read_text().replace("[dependencies]", '[dependencies]\nrenamed = {package = "twice"}'))
    rebuilt(suite)
    found = bill(package(suite)[0].sbom)
    components = {component["bom-ref"]: component for component in found["components"]}
    assert sorted(components) == ["deep@0.0.1", "lateen-sdk@0.1.0", "rust-std@1.96.0", "twice@2.0.0"]
    assert components["twice@2.0.0"]["purl"] == "pkg:cargo/twice@2.0.0"
    assert components["twice@2.0.0"]["hashes"] == [{"alg": "SHA-256", "content": "bb"}]
    assert components["deep@0.0.1"]["externalReferences"][0]["url"] == "https://git.example/deep?rev=1#1234"
    assert "purl" not in components["lateen-sdk@0.1.0"]
    assert found["metadata"]["component"]["version"] == "1.2.3"
    edges = {entry["ref"]: entry["dependsOn"] for entry in found["dependencies"]}
    assert edges["peer_metadata@1.2.3"] == ["lateen-sdk@0.1.0", "rust-std@1.96.0", "twice@2.0.0"]
    assert edges["twice@2.0.0"] == ["deep@0.0.1"]
    assert found["compositions"][0]["aggregate"] == "complete"


def rebuilt(suite: Filter) -> None:
    """As if the module had been built from what is there now."""
    recorded = provenance.read(suite)
    assert recorded is not None
    source = provenance.source_digest(suite)
    provenance.write(suite, provenance.Manifest(recorded.sha256, recorded.size, source, recorded.toolchain, "wasm32"))


def test_a_lock_that_cargo_would_not_read_is_one_fault(suite: Filter, tmp_path: Path) -> None:
    (tmp_path / "Cargo.lock").write_text("[[package")
    rebuilt(suite)
    assert refusal(suite) == "LAT0612"


def test_without_source_an_sbom_says_that_it_does_not_know(suite: Filter, tmp_path: Path) -> None:
    """A filter of an installed lateen comes without its source."""
    for path in (tmp_path / "Cargo.toml", tmp_path / "Cargo.lock", suite.directory / "Cargo.toml"):
        path.unlink()
    found = bill(package(suite)[0].sbom)
    assert found["compositions"][0]["aggregate"] == "unknown"
    assert [component["name"] for component in found["components"]] == ["rust-std"]


@pytest.mark.parametrize("with_source", [True, False])
def test_a_module_of_unknown_origin_is_not_packaged(suite: Filter, with_source: bool) -> None:
    if not with_source:
        (suite.directory / "Cargo.toml").unlink()
    with (suite.directory / f"{NAME}.wasm").open("ab") as file:
        file.write(b"more")
    assert refusal(suite) == "LAT0610"


def test_a_filter_without_its_module_is_not_packaged(suite: Filter) -> None:
    (suite.directory / f"{NAME}.wasm").unlink()
    assert refusal(suite) == "LAT0606"


def refusal(suite: Filter) -> str:
    with pytest.raises(MeshError) as raised:
        package(suite)
    (finding,) = raised.value.diagnostics
    return finding.code


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    for name in (NAME, "tenant_context"):
        made = package(catalog()[name])
        layout.write(made, tmp_path / name)
        assert layout.read(tmp_path / name) == made
        assert json.loads((tmp_path / name / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(MeshError) as raised:
        layout.write(package(catalog()[NAME]), tmp_path / "out")
    assert "LAT0639" in str(raised.value)
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no space left"):
        layout.write(package(catalog()[NAME]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_folder_is_not_taken(tmp_path: Path) -> None:
    (found, _) = made = package(catalog()[NAME])
    layout.write(made, tmp_path / "out")
    layer = tmp_path / "out" / "blobs" / found.image.blobs[-1].digest.replace(":", "/")
    layer.write_bytes(b"changed")
    with pytest.raises(MeshError) as raised:
        layout.read(tmp_path / "out")
    assert "LAT0634" in str(raised.value)


@pytest.mark.parametrize(
    "index",
    [
        "no JSON",
        "[]",
        "{}",
        '{"manifests": 5}',
        '{"manifests": [5]}',
        '{"manifests": []}',
        '{"manifests": [{"digest": "../../secret"}]}',
    ],
)
def test_a_folder_of_something_else_is_not_taken(tmp_path: Path, index: str) -> None:
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(MeshError) as raised:
        layout.read(tmp_path)
    assert "LAT0636" in str(raised.value)


@pytest.mark.parametrize("name", [NAME, "tenant_context"])
def test_an_sbom_follows_the_schema_of_cyclonedx(name: str) -> None:
    found = bill(package(catalog()[name])[0].sbom)
    folder = resources.files("cyclonedx.schema._res")
    schemas = {
        part: json.loads(folder.joinpath(f"{part}.SNAPSHOT.schema.json").read_text())
        for part in ("bom-1.6", "spdx", "jsf-0.82")
    }
    schemas["bom-1.6"]["additionalProperties"] = False

    def retrieve(uri: str) -> Any:
        return schemas[uri.rpartition("/")[2].removesuffix(".SNAPSHOT.schema.json").removesuffix(".schema.json")]

    validator = jsonschema_rs.Draft7Validator(schemas["bom-1.6"], retriever=retrieve, validate_formats=True)
    assert [error.message for error in validator.iter_errors(found)] == []
    assert Bom.from_json(found).metadata.component.name == name
