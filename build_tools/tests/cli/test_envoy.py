"""`lateen envoy`: path, version and schema, for people and programs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.schema import PACKAGED_VERSION, Schema
from lateen.schema.binary import find_envoy


def test_which_prints_the_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envoy", "which"]) == 0
    assert capsys.readouterr().out == f"{find_envoy()}\n"


def test_version_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envoy", "version"]) == 0
    assert capsys.readouterr().out == f"{PACKAGED_VERSION}\n"
    assert main(["envoy", "version", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(find_envoy()), "version": PACKAGED_VERSION}


@pytest.mark.parametrize("name", ["api.binpb", "api.binpb.gz"])
def test_schema_counts_and_writes_the_descriptors(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    assert main(["envoy", "schema", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"Envoy {PACKAGED_VERSION}: 1726 messages in 559 files")
    written = gzip.decompress(out.read_bytes()) if name.endswith("gz") else out.read_bytes()
    assert written == Schema.default().descriptor_set


def test_a_missing_envoy_is_one_finding_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envoy", "which", "--envoy", "/no/such/envoy"]) == 2
    assert "LAT0501" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envoy", "schema", "--out", "/no/such/folder/x"]) == 2
    assert capsys.readouterr().err.startswith("lateen: /no/such/folder/x: ")


def test_a_program_that_is_no_envoy_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envoy", "version", "--envoy", "/bin/ls"]) == 2
    assert "LAT0502 error: " in (error := capsys.readouterr().err)
    assert len(error.splitlines()) == 3  # the finding, its hint and the summary
