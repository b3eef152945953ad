"""What a source means: files, folders, standard input, text; lists; MeshConfig."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from lateen.diagnostics import Origin
from lateen.source.document import Source
from lateen.source.read import read

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\n"


def names(*sources: Path | str | Source) -> list[str]:
    loaded = read(*sources)
    assert loaded.diagnostics == ()
    return [document.data["metadata"]["name"] for document in loaded.documents]


def test_a_folder_is_its_yaml_files_by_name_without_subfolders_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(SERVICE % "second")
    (tmp_path / "a.yaml").write_text(SERVICE % "first")
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / ".hidden.yaml").write_text(SERVICE % "hidden")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.yaml").write_text(SERVICE % "below")
    (tmp_path / "folder.yaml").mkdir()
    assert names(tmp_path) == ["first", "second"]
    assert names(str(tmp_path)) == ["first", "second"]


def test_documents_name_their_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\n" + SERVICE % "web")
    assert read(tmp_path).documents[0].origin(("metadata", "name")) == Origin(
        str(tmp_path / "a.yaml"), 4, 18, "", "metadata.name"
    )


def test_text_is_told_from_a_path_by_its_newline() -> None:
    loaded = read(SERVICE % "web", Source(SERVICE % "db", name="db.yaml"), SERVICE % "api")
    assert [document.file for document in loaded.documents] == ["<text>", "db.yaml", "<text 2>"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((SERVICE % "web").encode())))
    loaded = read("-")
    assert [document.file for document in loaded.documents] == ["<stdin>"]


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(FileNotFoundError):
        read("")


def test_a_file_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.yaml")


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n---\n"])
def test_a_file_without_documents_is_a_finding(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    found = read(tmp_path / "a.yaml").diagnostics
    assert [(f.code, f.origin.file) for f in found] == [("LAT0001", str(tmp_path / "a.yaml"))]


def test_a_folder_without_files_and_no_source_at_all_are_findings(tmp_path: Path) -> None:
    assert [f.code for f in read(tmp_path).diagnostics] == ["LAT0001"]
    assert [f.code for f in read().diagnostics] == ["LAT0001"]


def test_an_empty_file_among_others_is_tolerated(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "b.yaml").write_text(SERVICE % "web")
    assert names(tmp_path) == ["web"]


def test_a_program_may_give_an_empty_text() -> None:
    assert read("# nothing\n").diagnostics == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_with_and_without_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.yaml").write_bytes((SERVICE % "wéb").encode(encoding))
    assert names(tmp_path) == ["wéb"]


def test_other_bytes_are_reported_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("kind: é\nname: ".encode() + b"\xe9t\xe9\n")
    (tmp_path / "b.yaml").write_text(SERVICE % "web")
    loaded = read(tmp_path)
    assert [(f.code, f.origin.line, f.origin.column) for f in loaded.diagnostics] == [("LAT0002", 2, 7)]
    assert len(loaded.documents) == 1


def test_a_list_is_its_items_with_their_places() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: a}\n"
        "- kind: BList\n  items:\n  - kind: B\n    metadata: {name: b}\n-\n"
    )
    loaded = read(text)
    assert [d.data["kind"] for d in loaded.documents] == ["A", "B"]
    assert [d.line for d in loaded.documents] == [4, 8]
    assert str(loaded.documents[1].origin(("metadata", "name"))) == "<text>:9:22"


def test_mesh_yaml_without_kind_is_the_mesh_config(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("accessLogFile: /dev/stdout\n")
    (tmp_path / "web.yaml").write_text(SERVICE % "web")
    loaded = read(tmp_path)
    assert loaded.mesh_config is not None
    assert loaded.mesh_config.data == {"accessLogFile": "/dev/stdout"}
    assert len(loaded.documents) == 1


def test_mesh_yaml_may_hold_resources(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(SERVICE % "web")
    loaded = read(tmp_path)
    assert loaded.mesh_config is None
    assert len(loaded.documents) == 1


CONFIG_MAP = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    a: 1\n"
)


def test_the_config_map_of_istiod_is_the_mesh_config_and_stays_a_document() -> None:
    loaded = read(CONFIG_MAP)
    assert loaded.mesh_config is loaded.documents[0]


@pytest.mark.parametrize("other", ["name: other", "name: [istio]", ""])
def test_another_config_map_is_not(other: str) -> None:
    assert read(CONFIG_MAP.replace("name: istio, ", f"{other}, " if other else "")).mesh_config is None


def test_two_mesh_configs_are_a_finding_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    (tmp_path / "mesh.yaml").write_text("accessLogFile: x\n")
    loaded = read(tmp_path)
    assert [f.code for f in loaded.diagnostics] == ["LAT0009"]
    assert {loaded.diagnostics[0].origin.file, loaded.diagnostics[0].related[0].file} == {
        str(tmp_path / "a.yaml"),
        str(tmp_path / "mesh.yaml"),
    }
