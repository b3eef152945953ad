"""Root filesystems: the same files give the same bytes, wherever and whenever they are read."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from lateen.runtime.docker.recipe import Recipe
from lateen.runtime.docker.rootfs import FileChangedError, Rootfs


def archive(rootfs: Rootfs) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(rootfs.tar()))) as tar:
        return {member.name: member for member in tar.getmembers()}


def tree(folder: Path, *, reverse: bool = False, time: int = 0) -> Rootfs:
    """One and the same tree, made in an order and at a time of its own."""
    files = {"a/main.py": "print()", "a/deep/data": "1", "b": "2"}
    for name in sorted(files, reverse=reverse):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(files[name])
        os.utime(file, (time, time))
    rootfs = Rootfs()
    rootfs.add_tree(folder, "/srv", skip=lambda _: False)
    return rootfs


def test_equal_trees_are_equal_bytes(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two", reverse=True, time=1_700_000_000)
    assert b"".join(one.tar()) == b"".join(two.tar())
    assert one.digest == two.digest


@pytest.mark.parametrize("change", ["content", "mode", "name", "link"])
def test_any_change_is_another_digest(tmp_path: Path, change: str) -> None:
    before = tree(tmp_path).digest
    file = tmp_path / "a" / "main.py"
    if change == "content":
        file.write_text("print(1)")
    elif change == "mode":
        file.chmod(0o755)
    elif change == "name":
        file.rename(tmp_path / "a" / "other.py")
    else:
        (tmp_path / "latest").symlink_to("a")
    rootfs = Rootfs()
    rootfs.add_tree(tmp_path, "/srv", skip=lambda _: False)
    assert rootfs.digest != before


def test_the_archive_is_roots_and_readable_by_all(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 1000)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "program").write_text("#!/bin/sh")
    (tmp_path / "program").chmod(0o700)
    rootfs = Rootfs()
    rootfs.add_tree(tmp_path, "/srv/app", skip=lambda _: False)
    rootfs.add_folder("/shared", 0o1777)
    members = archive(rootfs)
    assert {name: member.mode for name, member in members.items()} == {
        "shared": 0o1777,
        "srv": 0o755,
        "srv/app": 0o755,
        "srv/app/program": 0o755,
        "srv/app/secret": 0o644,
    }
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}
    assert members["srv/app/secret"].size == 1000


def test_long_names_and_empty_files_are_kept(tmp_path: Path) -> None:
    long = "d" * 120 + "/" + "f" * 120
    (tmp_path / long).parent.mkdir()
    (tmp_path / long).touch()
    rootfs = Rootfs()
    rootfs.add_tree(tmp_path, "/srv", skip=lambda _: False)
    assert archive(rootfs)[f"srv/{long}"].size == 0


def test_links_to_files_are_followed_and_those_to_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    (inside / "folder" / "file").touch()
    (inside / "file").symlink_to(tmp_path / "outside")
    (inside / "link").symlink_to("folder")
    (inside / "dangling").symlink_to("nowhere")
    os.mkfifo(inside / "pipe")
    rootfs = Rootfs()
    rootfs.add_tree(inside, "/", skip=lambda _: False)
    members = archive(rootfs)
    assert sorted(members) == ["dangling", "file", "folder", "folder/file", "link"]
    assert members["file"].isfile()
    assert members["file"].size == 1
    assert members["link"].linkname == "folder"


def test_what_is_skipped_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").touch()
    (tmp_path / "x.py").touch()
    rootfs = Rootfs()
    rootfs.add_tree(tmp_path, "/srv", skip=lambda file: file.name == "__pycache__")
    assert sorted(archive(rootfs)) == ["srv", "srv/x.py"]


@pytest.mark.parametrize("path", ["relative", "/srv/../etc/passwd"])
def test_a_path_leads_into_the_image(path: str) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        Rootfs().add_bytes(path, b"")


def test_a_file_that_goes_away_is_named(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    rootfs = Rootfs()
    rootfs.add_file(file)
    file.unlink()
    with pytest.raises(FileChangedError, match=r"file: No such file"):
        list(rootfs.tar())


def test_a_name_says_what_the_image_is() -> None:
    plain = Recipe("init", "1.2", Rootfs())
    assert plain.name.startswith("lateen-init:1.2-")
    assert plain.name == Recipe("init", "1.2", Rootfs()).name
    assert Recipe("init", "1.2", Rootfs(), ("USER 1",)).name != plain.name
    assert Recipe("init", "1.2", Rootfs(), base="lateen-python:3").name != plain.name
