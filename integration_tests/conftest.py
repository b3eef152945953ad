"""Running meshes: the storefront for a whole session, small ones for a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer

from engine import NoEngineError, running_engine
from groups import ENGINE, Groups, group
from harness import Command, Run, lacking
from lateen.runtime.plan import Settings
from lateen.runtime.supervisor import Options, Running, start
from registries import example_registry

pytest.register_assert_rewrite("wasm_behaviour", "lua_behaviour")

REPOSITORY = Path(__file__).parent.parent
START_SECONDS = 120.0

RUNTIMES = os.environ.get("LATEEN_RUNTIME", "process docker").split()
"""The runtimes that tests of running meshes run in."""

if unknown := set(RUNTIMES) - {"process", "docker"}:
    raise pytest.UsageError(f"there is no runtime {' or '.join(sorted(unknown))}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Which tests one worker runs."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that uses the engine and is not of its group: a second engine would be started for it."""
    for item in items:
        docker = hasattr(item, "callspec") and item.callspec.params.get("runtime") == "docker"
        if (docker or "engine" in getattr(item, "fixturenames", ())) and group(item.nodeid) != ENGINE:
            raise pytest.UsageError(f"{item.nodeid} uses the engine: groups.py must say so")


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn."""
    if request.param == "docker":
        request.getfixturevalue("engine")
    return str(request.param)


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of this session keep their files."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def storefront(state: Path, runtime: str) -> Iterator[Running]:
    """The example of the repository, running."""
    settings = Settings(REPOSITORY / "envoy_configs" / "storefront")
    with start(settings, Options(runtime=runtime, base=state, timeout=START_SECONDS)) as running:
        yield running


@pytest.fixture
def up(state: Path, runtime: str) -> Run:
    """`up(directory, **settings)` runs a mesh for a block."""

    @contextmanager
    def run(directory: Path, **settings: Any) -> Iterator[Running]:
        options = Options(runtime=runtime, base=state, timeout=START_SECONDS)
        with start(Settings(directory, **settings), options) as running:
            yield running

    return run


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[None]:
    """A container engine, where DOCKER_HOST says. CI must have one."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"\n{line}\n")

    with ExitStack() as stack:
        try:
            stack.enter_context(running_engine(say))
        except NoEngineError as error:
            lacking(str(error))
        yield


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The registry of the documentation: its words, and what stands for them here."""
    with example_registry(tmp_path_factory.mktemp("examples")) as words:
        yield words


@pytest.fixture(autouse=True)
def commands_end() -> Iterator[None]:
    """No command outlives its test, and no mesh of it, if that fails."""
    yield
    while Command.started:
        command = Command.started.pop()
        if command.process.poll() is None:
            command.process.terminate()
            command.end()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a test writes its mesh."""
    return tmp_path / "mesh"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Where the runs of one test keep their files."""
    return tmp_path / "runs"
