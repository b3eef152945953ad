"""The descriptors in the package are those of the binary."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from lateen.diagnostics import MeshError
from lateen.schema import PACKAGED_VERSION, Schema
from lateen.schema.binary import find_envoy, version
from lateen.schema.carve import CarveError, carve, pack

PLAIN = FileDescriptorProto(name="b/b.proto", package="b", dependency=["a.proto"], syntax="proto3")
IMPORTED = FileDescriptorProto(name="a.proto", package="a")  # no syntax: proto2
LONG = FileDescriptorProto(name="d/" * 80 + "long.proto", package="long", syntax="editions", edition=1000)  # type: ignore[arg-type]


def binary(path: Path, *files: FileDescriptorProto) -> Path:
    parts = [b"\x7fELF.proto\x12 noise \x0a\x03x.proto\x12"]
    for file in files:
        parts += [file.SerializeToString(), b"\0\0 more noise.proto"]
    path.write_bytes(b"".join(parts))
    return path


def test_the_packaged_descriptors_are_those_of_the_installed_envoy() -> None:
    envoy = find_envoy()
    assert version(envoy) == PACKAGED_VERSION
    packaged = resources.files("lateen.schema") / "data" / f"envoy-{PACKAGED_VERSION}.binpb.gz"
    assert pack(carve(envoy)) == packaged.read_bytes()
    assert Schema.of(envoy).descriptor_set == Schema.default().descriptor_set


def test_descriptors_are_found_among_other_bytes_and_imports_come_first(tmp_path: Path) -> None:
    carved = carve(binary(tmp_path / "envoy", PLAIN, LONG, IMPORTED))
    assert carved == FileDescriptorSet(file=[IMPORTED, PLAIN, LONG])


def test_a_missing_import_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CarveError, match=r"a\.proto"):
        carve(binary(tmp_path / "envoy", PLAIN))


def test_a_binary_without_descriptors_is_a_broken_envoy(tmp_path: Path) -> None:
    with pytest.raises(MeshError) as error:
        Schema.of(binary(tmp_path / "envoy"))
    assert error.value.diagnostics[0].code == "LAT0502"


def test_an_empty_file_is_a_broken_envoy(tmp_path: Path) -> None:
    empty = tmp_path / "envoy"
    empty.touch()
    with pytest.raises(MeshError, match="LAT0502"):
        Schema.of(empty)
