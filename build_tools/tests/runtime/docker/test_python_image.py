"""Images of Python applications: what goes in, and what cannot."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import pytest

from lateen.diagnostics import MeshError
from lateen.runtime.docker.distributions import install
from lateen.runtime.docker.python_image import application_recipe, python_recipe

SITE = PurePosixPath(f"/opt/venv/lib/python3.{sys.version_info.minor}/site-packages")


def application(tmp_path: Path, requirements: str | None = None) -> Path:
    folder = tmp_path / "shop" / "app"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text("print('hello')")
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements, errors="surrogateescape")
    return folder


def paths(folder: Path) -> set[str]:
    return {str(path) for path in application_recipe(folder, "lateen-python:x").rootfs.entries}


def test_the_interpreter_is_whole_and_nothing_of_a_desktop() -> None:
    entries = python_recipe().rootfs.entries
    names = {path.name for path in entries}
    assert {"os.py", "pyvenv.cfg", "python3", "sh", "passwd"} <= names
    assert not {"__pycache__", "tkinter", "libX11.so.6", "idlelib"} & names
    assert all(".venv" not in path.parts for path in entries)


def test_an_application_is_its_folder(tmp_path: Path) -> None:
    folder = application(tmp_path)
    for unwanted in (".git/config", "__pycache__/main.pyc"):
        (folder / unwanted).parent.mkdir()
        (folder / unwanted).touch()
    assert paths(folder) == {"/installed", "/folder/app/main.py"}
    assert application_recipe(folder, "lateen-python:x").name.startswith("lateen-app:shop-app-")


def test_requirements_bring_what_they_require(tmp_path: Path) -> None:
    requirements = "# web\nhttpx>=0.20  # client\n\nuvicorn ; python_version > '3'\nabsent ; python_version < '3'\n"
    rootfs = install(application(tmp_path, requirements) / "requirements.txt", "/opt/venv")
    top = {path.relative_to(SITE).parts[0] for path in rootfs.entries if path.is_relative_to(SITE)}
    assert {"httpx", "httpcore", "h11", "certifi", "uvicorn", "click"} <= top
    assert not {"pytest", "lateen", "h2", "websockets"} & top
    files = {path.name for path in rootfs.entries}
    assert "RECORD" not in files
    assert not any(name.endswith(".pyc") for name in files)
    script = rootfs.entries[PurePosixPath("/opt/venv/bin/uvicorn")]
    assert script.mode == 0o755
    assert script.read().startswith(b"#!/opt/venv/bin/python3\n")
    assert b"from uvicorn.main import main" in script.read()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no-such-thing", "no-such-thing is not installed beside lateen"),
        ("httpx<0.1", "httpx<0.1 is not what is installed beside lateen: "),
        ("-r other.txt", "'-r other.txt' is not a requirement"),
        ("caf\udce9", "is not a requirement"),
        ("lateen", "lateen is installed beside lateen without a list of its files"),
    ],
)
def test_a_requirement_that_is_not_met(tmp_path: Path, line: str, message: str) -> None:
    folder = application(tmp_path, f"starlette\n{line}\n")
    with pytest.raises(MeshError) as caught:
        application_recipe(folder, "lateen-python:x")
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.origin.line) == ("LAT0735", 2)
    assert finding.origin.file == str(folder / "requirements.txt")
    assert message in finding.message


def test_no_folder_no_image(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"LAT0735.*absent: No such file or directory"):
        application_recipe(tmp_path / "absent", "lateen-python:x")
