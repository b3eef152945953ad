"""`lateen init`: a mesh without faults, or nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest

import lateen
import lateen.cli.examples
from lateen.cli import main
from lateen.cli.examples import examples


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() or p.is_symlink()}


@pytest.mark.parametrize("example", ["hello", "storefront"])
def test_it_writes_an_example_without_what_was_made_from_it(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {name: data for name, data in tree(examples()[example]).items() if not name.startswith("compiled/")}
    installed = tmp_path / "installed"
    for name in (*source, "compiled/web-0.json", "app/__pycache__/web.pyc"):
        (installed / example / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / example / name).write_bytes(source.get(name, b"made"))
    monkeypatch.setattr(lateen.cli.examples, "FOLDERS", (installed,))
    target = tmp_path / "some" / "mesh"
    assert main(["init", str(target), "--example", example]) == 0
    written = tree(target)
    assert sorted(capsys.readouterr().out.split()) == sorted(str(target / name) for name in written)
    assert written == source
    assert not [str(found) for found in lateen.analyze(lateen.load(target)) if found.severity > lateen.Severity.INFO]


def test_it_writes_into_a_folder_that_holds_other_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "mine.py").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert (tmp_path / "notes.txt").read_text() == (tmp_path / "app" / "mine.py").read_text() == "mine"
    assert (tmp_path / "app" / "web.py").exists()


def test_it_overwrites_nothing_and_names_each_file_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0012, LAT0013."""
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "docker-compose.yml").write_text("services: {}")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "web.py").symlink_to("nowhere")
    before = tree_names(tmp_path)
    assert main(["init", str(tmp_path)]) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert f"{tmp_path}/README.md: LAT0012 error: " in errors
    assert f"{tmp_path}/app/web.py: LAT0012 error: " in errors
    assert f"{tmp_path}/docker-compose.yml: LAT0013 error: " in errors
    assert "3 errors" in errors
    assert tree_names(tmp_path) == before


def tree_names(folder: Path) -> set[str]:
    """Every name below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_cannot_be_written_whole_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "mesh"
    written = []
    really_replace = Path.replace

    def replace(self: Path, path: Path) -> None:
        if len(written) == 5:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        really_replace(self, path)

    monkeypatch.setattr(Path, "replace", replace)
    assert main(["init", str(target)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert written
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mesh").write_text("mine")
    assert main(["init", str(tmp_path / "mesh")]) == 2
    assert f"{tmp_path}/mesh: File exists" in capsys.readouterr().err
    assert (tmp_path / "mesh").read_text() == "mine"


def test_an_unknown_example_is_named_with_a_likely_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0011."""
    assert main(["init", str(tmp_path / "mesh"), "--example", "storfront"]) == 2
    assert "LAT0011 error: no example is called 'storfront'\n  hint: did you mean" in capsys.readouterr().err
    assert not (tmp_path / "mesh").exists()
