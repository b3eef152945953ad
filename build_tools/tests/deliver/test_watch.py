from __future__ import annotations

import os
from pathlib import Path

import pytest

from lateen.deliver.watch import Watch


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "web.yaml").write_text("a: 1\n")
    return tmp_path / "mesh"


def noticed(watch: Watch) -> bool:
    """Whether a change is noticed within two looks, and only once."""
    found = [watch.changed() for _ in range(4)]
    assert found[0] is False, "it may still be moving"
    assert sum(found) <= 1
    return any(found)


def test_nothing_is_noticed_when_nothing_happens(mesh: Path) -> None:
    assert not noticed(Watch(mesh))


def test_a_save_in_place_is_noticed(mesh: Path) -> None:
    watch = Watch(mesh)
    (mesh / "web.yaml").write_text("a: 22\n")
    assert noticed(watch)


def test_a_save_of_equal_length_and_time_by_rename_is_noticed(mesh: Path) -> None:
    before = (mesh / "web.yaml").stat()
    watch = Watch(mesh)
    (mesh / "new").write_text("a: 2\n")
    os.utime(mesh / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (mesh / "new").rename(mesh / "web.yaml")
    assert noticed(watch)


@pytest.mark.parametrize("name", ["new.yaml", "new.yml"])
def test_new_and_removed_files_are_noticed(mesh: Path, name: str) -> None:
    watch = Watch(mesh)
    (mesh / name).write_text("b: 1\n")
    assert noticed(watch)
    (mesh / name).unlink()
    assert noticed(watch)


@pytest.mark.parametrize("name", ["notes.txt", ".web.yaml.swp", "web.yaml~", "4913"])
def test_what_is_not_part_of_the_mesh_is_not_noticed(mesh: Path, name: str) -> None:
    watch = Watch(mesh)
    (mesh / name).write_text("x")
    assert not noticed(watch)


def test_a_save_in_several_steps_is_one_change(mesh: Path) -> None:
    watch = Watch(mesh)
    for length in range(1, 5):
        (mesh / "web.yaml").write_text("a" * length * 7)
        assert not watch.changed()
    assert watch.changed()
    assert not watch.changed()


def test_a_change_that_is_undone_before_it_rests_is_none(mesh: Path) -> None:
    watch = Watch(mesh)
    (mesh / "new.yaml").write_text("b: 1\n")
    assert not watch.changed()
    (mesh / "new.yaml").unlink()
    assert not noticed(watch)


def test_a_mesh_config_elsewhere_is_watched(mesh: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("a: 1")
    watch = Watch(mesh, mesh_config=config)
    config.write_text("a: 22")
    assert noticed(watch)


def test_a_single_file_can_be_the_mesh(mesh: Path) -> None:
    watch = Watch(mesh / "web.yaml")
    (mesh / "other.yaml").write_text("b: 1\n")
    assert not noticed(watch)
    (mesh / "web.yaml").write_text("a: 22\n")
    assert noticed(watch)


def test_a_folder_that_goes_and_comes_back_is_noticed(mesh: Path) -> None:
    watch = Watch(mesh)
    mesh.rename(mesh.with_name("away"))
    assert noticed(watch)
    mesh.with_name("away").rename(mesh)
    assert noticed(watch)


def test_files_behind_a_symlink_are_followed(mesh: Path, tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "web.yaml").write_text(version)
    (tmp_path / "data").symlink_to("1")
    watch = Watch(tmp_path / "data")
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").replace(tmp_path / "data")
    assert noticed(watch)


def test_every_source_is_watched_with_what_its_kustomization_reads(tmp_path: Path) -> None:
    for name in ("one/sub", "two"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "two" / "kustomization.yaml").write_text("configMapGenerator: [{name: c, files: [text]}]\n")
    files = [tmp_path / name for name in ("one/sub/new.yaml", "two/text", "two/kustomization.yaml")]
    (tmp_path / "two" / "text").write_text("a")
    watch = Watch(tmp_path / "one", tmp_path / "two", recursive=True)
    for file in files:
        file.write_text("resources: []\n")
        assert noticed(watch), file


def test_a_file_that_the_mesh_names_is_watched_while_it_does(mesh: Path, tmp_path: Path) -> None:
    named = tmp_path / "api.yaml"
    named.write_text("a: 1\n")
    os.utime(named, (1, 1))
    watch = Watch(mesh)
    watch.follow([named])
    assert not noticed(watch)
    named.write_text("a: 2\n")
    assert noticed(watch)
    named.unlink()
    assert noticed(watch)
    watch.follow([])
    named.write_text("a: 3\n")
    assert not noticed(watch)


def test_a_file_that_may_have_been_saved_since_it_was_read_counts_as_changed(mesh: Path, tmp_path: Path) -> None:
    named = tmp_path / "api.yaml"
    named.write_text("a: 1\n")
    watch = Watch(mesh)
    watch.follow([named])
    assert noticed(watch)
