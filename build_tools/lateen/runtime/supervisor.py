"""`start`: from a folder of YAML to a running mesh, and back to nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lateen.analysis import analyze_unredirected
from lateen.compiler import Compiler, load
from lateen.deliver.issued import with_issued_secrets
from lateen.deliver.modules import deploy
from lateen.diagnostics import Diagnostic, MeshError, Origin, Severity
from lateen.diagnostics.codes import runtime as codes
from lateen.identity import Authority, CertificateStore
from lateen.model.mesh import Mesh
from lateen.runtime.child import end_marked
from lateen.runtime.events import Event, Events
from lateen.runtime.guard import Guard
from lateen.runtime.kind import Runtime
from lateen.runtime.leftovers import reclaim
from lateen.runtime.liveness import Liveness, LivenessWatch
from lateen.runtime.plan import Plan, Settings
from lateen.runtime.process.addresses import Block, ClaimedBlock
from lateen.runtime.process.launch import Launcher
from lateen.runtime.process.runtime import ProcessRuntime
from lateen.runtime.rotation import Rotation
from lateen.runtime.running import RunningMesh
from lateen.runtime.startup import Startup
from lateen.runtime.state import RunDirectory, RunFiles, default_base
from lateen.runtime.supervision import Supervision
from lateen.runtime.traffic import TrafficTest, load_tests
from lateen.schema.binary import find_envoy
from lateen.xds.snapshot import Config


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    `runtime` is `process` or `docker`. `timeout` is for the start, in seconds; `base` the folder for run directories
    (None: the user's own). `notify` hears of every event, `started` of every command that is executed, on threads of
    the run.
    """

    runtime: str = "process"
    envoy: Path | str | None = None
    timeout: float = 60.0
    base: Path | None = None
    notify: Callable[[Event], None] = lambda _event: None
    started: Callable[[str, tuple[str, ...]], None] = lambda _name, _argv: None


@dataclass(frozen=True, slots=True)
class Running:
    """A mesh that runs. `mesh` is placed; `diagnostics` are the warnings of its start; `view` is what tools look at."""

    id: str
    mesh: Mesh
    view: RunningMesh
    tests: tuple[TrafficTest, ...]
    events: Events
    files: RunFiles
    processes: Supervision
    diagnostics: tuple[Diagnostic, ...]


@contextmanager
def start(settings: Settings, options: Options = Options()) -> Iterator[Running]:
    """Run the mesh of a folder until the block ends; then no process, port or file of it is left.

    The calling thread must last as long as the block: the kernel ends its processes with it. Raises MeshError, with
    every reason, if the mesh cannot be used or does not become ready; nothing of it runs then, and of its files only
    the logs that the findings name are left.
    """
    mesh = _load(settings)
    tests, found = load_tests(*settings.sources, recursive=settings.recursive)
    _stop_on_errors(found)
    envoy = find_envoy(options.envoy)
    reclaim(options.base)
    events = Events(options.notify)
    with ClaimedBlock() as claimed, _run_directory(options.base) as run, Guard(run.files.root):
        with _usable(run.files.root):
            _stop_on_errors(run.files.check_room())
            run.describe(settings.directory, {})
        launcher = Launcher(run.id, run.files, envoy, options.started, mesh.config.drain_duration)
        with (
            _runtime(options, launcher, claimed.block, events) as runtime,
            Rotation(events, run.files.logs, run.files.calls),
            _processes(run.id, events) as processes,
        ):
            with _usable(run.files.root):
                plan, bootstraps, warnings = _prepare(mesh, settings, runtime, run.files, _headers(tests))
                startup = runtime.launch(plan, bootstraps, processes)
            remarks = startup.wait(options.timeout)
            view = runtime.view(plan)
            run.describe(settings.directory, {proxy.key: proxy.address for proxy in view.proxies})
            processes.watch()
            diagnostics = (*mesh.diagnostics, *found, *warnings, *remarks)
            with _liveness(startup):
                yield Running(run.id, plan.mesh, view, tests, events, run.files, processes, diagnostics)


def _load(settings: Settings) -> Mesh:
    return load(
        *settings.sources,
        mesh_config=settings.mesh_config,
        domain_suffix=settings.domain_suffix,
        strict=settings.strict,
        recursive=settings.recursive,
        cache=settings.cache,
    )


def _headers(tests: Iterable[TrafficTest]) -> tuple[str, ...]:
    """The request headers that expectations look at."""
    return tuple(sorted({name for test in tests for call in test.calls for name in call.expect.request_headers}))


def _stop_on_errors(findings: Iterable[Diagnostic]) -> None:
    found = tuple(findings)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise MeshError(found)


@contextmanager
def _run_directory(base: Path | None) -> Iterator[RunDirectory]:
    with _usable(base or default_base()):
        run = RunDirectory(base)
    try:
        yield run
    except MeshError:
        run.remove(keep_logs=any(run.files.logs.iterdir()))
        raise
    finally:
        run.remove()


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Raises MeshError where writing to the state directory fails."""
    try:
        yield
    except OSError as error:
        code, path, reason = codes.STATE_UNUSABLE, error.filename or folder, error.strerror or error
        raise MeshError((code.at(Origin(), path=path, reason=reason, hint=code.fix),)) from error


@contextmanager
def _runtime(options: Options, launcher: Launcher, block: Block, events: Events) -> Iterator[Runtime]:
    if options.runtime == "process":
        yield ProcessRuntime(block, launcher)
        return
    from lateen.runtime.docker.runtime import docker_runtime  # noqa: PLC0415 - what it needs is an extra

    chosen = options.envoy is not None or "LATEEN_ENVOY" in os.environ
    with docker_runtime(launcher, block, events, own_envoy=chosen) as runtime:
        yield runtime


@contextmanager
def _processes(run: str, events: Events) -> Iterator[Supervision]:
    processes = Supervision(events)
    try:
        yield processes
    finally:
        processes.stop()
        end_marked(run)  # what applications started and left behind


@contextmanager
def _liveness(startup: Startup) -> Iterator[None]:
    """Ask the applications that started whether they still live."""
    watch = LivenessWatch(
        Liveness(app.application, app.process, app.readiness.question, startup.events) for app in startup.applications
    )
    try:
        yield
    finally:
        watch.stop()


def _prepare(
    mesh: Mesh, settings: Settings, runtime: Runtime, files: RunFiles, headers: tuple[str, ...]
) -> tuple[Plan, dict[str, Config], tuple[Diagnostic, ...]]:
    """Everything that can be known and written before a process starts. Raises MeshError if something is in the way."""
    authority = Authority.create(mesh.config.trust_domain)
    authority.save(files.authority)
    issued = with_issued_secrets(mesh, CertificateStore(authority, files.certificates))
    plan, findings = runtime.lay_out(issued, settings, headers)
    _stop_on_errors(findings)
    compiler = Compiler(plan.mesh)
    snapshots = {planned.key: compiler.compile(planned.proxy) for planned in plan.proxies}
    bootstraps = {key: snapshot.bootstrap() for key, snapshot in snapshots.items()}
    found = [*findings, *(finding for snapshot in snapshots.values() for finding in snapshot.diagnostics)]
    found += files.check()
    found += runtime.check(plan, snapshots, bootstraps)
    _stop_on_errors(found)
    deploy(snapshots.values(), files.modules)
    files.plan.write_text(json.dumps(plan.document()))
    return plan, bootstraps, tuple(dict.fromkeys((*found, *analyze_unredirected(plan.mesh))))
