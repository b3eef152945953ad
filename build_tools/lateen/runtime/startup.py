"""From started processes to a mesh that is ready, or to the reasons why it is not."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from time import monotonic, sleep

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import runtime as codes
from lateen.runtime.child import tail
from lateen.runtime.events import Events, findings_of
from lateen.runtime.plan import Application, Phase, PlannedProxy
from lateen.runtime.readiness import Readiness, admin_state
from lateen.runtime.supervision import Process, Supervised

_STEP = 0.02

_CRITICAL = re.compile(r"\[critical]\[\w+] (?:\[[^]]*] )?(?:error `)?(.*?)(?:` initializing config .*)?$", re.MULTILINE)
_CONSTRAINT = re.compile(r"Proto constraint validation failed \((.*)\)")


@dataclass(slots=True)
class StartingProxy:
    """An Envoy on its way. `state` is empty when its admin says ready and the control plane got every ACK."""

    planned: PlannedProxy
    admin: str
    process: Supervised
    state: str = "it has not been asked yet"

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.planned.key


@dataclass(slots=True)
class StartingApplication:
    """An application on its way."""

    application: Application
    process: Supervised
    readiness: Readiness


@dataclass(slots=True)
class StartingPod:
    """The containers of an instance on their way: those that still wait, in order, and what they wait for.

    `init` is the init container that was started last, `sidecar` the same of those that are kept. Containers other
    than init containers also wait for `proxy`, if there is one.
    """

    waiting: deque[Application]
    proxy: StartingProxy | None = None
    init: tuple[Application, Process] | None = None
    sidecar: StartingApplication | None = None

    @property
    def next(self) -> Application | None:
        """The container whose turn it is; None if there is none, or if it must wait."""
        if not self.waiting or (self.init and not self.init[1].succeeded):
            return None
        if self.sidecar and not self.sidecar.readiness.started:
            return None
        held = self.proxy and self.proxy.state and self.waiting[0].phase is Phase.MAIN
        return None if held else self.waiting[0]

    @property
    def complete(self) -> bool:
        """Whether every container was started."""
        return not self.waiting and (self.init is None or self.init[1].succeeded)


@dataclass(slots=True)
class Startup:
    """The processes of a run while it starts. `control_plane` None: proxies with static configuration.

    `remarks` gives what else may be wrong with applications, for a start that succeeded and for one that did not.
    `run` starts an init container, `start` one that is kept.
    """

    events: Events
    control_plane: Supervised | None
    remarks: Callable[[Iterable[StartingApplication]], Iterable[Diagnostic]]
    run: Callable[[Application], Process]
    start: Callable[[Application], StartingApplication]
    proxies: list[StartingProxy] = field(default_factory=list)
    pods: list[StartingPod] = field(default_factory=list)
    applications: list[StartingApplication] = field(default_factory=list)

    def wait(self, timeout: float) -> tuple[Diagnostic, ...]:
        """Return, with warnings, once everything is ready.

        Raises MeshError as soon as something ended or was rejected, or after `timeout` seconds.
        """
        deadline = monotonic() + timeout
        while True:
            self.advance()
            failures = list(self._failures())
            if not failures and self._ready():
                return tuple(self.remarks(self.applications))
            if not failures and monotonic() > deadline:
                failures = list(self._unready(timeout))
            if failures:
                raise MeshError((*failures, *self.remarks(self.applications)))
            sleep(_STEP)

    def begin(self, applications: Iterable[Application]) -> None:
        """Start the first containers of each pod; those that its template holds back wait for its proxy.

        Raises MeshError as `advance`.
        """
        proxies = {proxy.planned.key: proxy for proxy in self.proxies}
        for key, containers in groupby(applications, lambda application: application.workload.key):
            waiting = deque(containers)
            template = waiting[0].workload.pod
            held = template is not None and template.sidecar.hold_application
            self.pods.append(StartingPod(waiting, proxies.get(key) if held else None))
        self.advance()

    def advance(self) -> None:
        """Start every container whose turn it is. Raises MeshError if the kernel refuses to execute something."""
        for pod in self.pods:
            while application := pod.next:
                pod.waiting.popleft()
                try:
                    self._start(pod, application)
                except OSError as error:
                    raise refused(error) from error

    def _start(self, pod: StartingPod, application: Application) -> None:
        if application.phase is Phase.INIT:
            pod.init = application, self.run(application)
            return
        started = self.start(application)
        self.applications.append(started)
        if application.phase is Phase.SIDECAR:
            pod.sidecar = started

    def _ready(self) -> bool:
        acked = {event["proxy"] for event in self.events.since() if event["event"] == "acked"}
        for proxy in self.proxies:
            if proxy.state:
                proxy.state = admin_state(proxy.admin)
            if not proxy.state and self.control_plane and proxy.planned.key not in acked:
                proxy.state = "it has not taken all of its configuration"
        asked = [application.readiness.ask() for application in self.applications]
        started = all(pod.complete for pod in self.pods)
        return started and all(asked) and not any(proxy.state for proxy in self.proxies)

    def _failures(self) -> Iterator[Diagnostic]:
        """What ended or was rejected."""
        for event in self.events.since():
            if not event.get("used"):
                yield from findings_of(event)
        control_plane = self.control_plane
        if control_plane and not control_plane.child.running:
            yield codes.CONTROL_PLANE_ENDED.at(
                Origin(),
                what=f"ended ({control_plane.child.status})",
                reason=_last_line(control_plane),
                hint=_log_hint(control_plane),
            )
        for proxy in self.proxies:
            if not proxy.process.child.running:
                yield codes.ENVOY_ENDED.at(
                    proxy.planned.workload.ref.origin,
                    proxy=proxy.name,
                    status=proxy.process.child.status,
                    reason=critical(proxy.process) or "it says nothing",
                    hint=_log_hint(proxy.process),
                )
        for application, child in self._inits():
            if not child.running and not child.succeeded:
                yield codes.INIT_ENDED.at(
                    application.origin,
                    container=application.container,
                    workload=application.workload.owner,
                    status=child.status,
                    reason=" / ".join(child.tail(3).splitlines()) or "it says nothing",
                    hint=f"see {child.log}",
                )
        for app in self.applications:
            if not app.process.child.running:
                yield codes.APPLICATION_ENDED.at(
                    app.application.origin,
                    container=app.application.container,
                    workload=app.application.workload.owner,
                    status=app.process.child.status,
                    reason=_last_line(app.process),
                    hint=_log_hint(app.process),
                )

    def _inits(self) -> Iterator[tuple[Application, Process]]:
        return (pod.init for pod in self.pods if pod.init)

    def _unready(self, timeout: float) -> Iterator[Diagnostic]:
        for application, child in self._inits():
            if child.running:
                yield codes.INIT_NOT_DONE.at(
                    application.origin,
                    container=application.container,
                    workload=application.workload.owner,
                    seconds=f"{timeout:g}",
                    reason=child.tail(1) or "it says nothing",
                    hint=f"see {child.log}",
                )
        for proxy in self.proxies:
            if proxy.state:
                yield codes.ENVOY_NOT_READY.at(
                    proxy.planned.workload.ref.origin,
                    proxy=proxy.name,
                    seconds=f"{timeout:g}",
                    reason=proxy.state,
                    hint=_log_hint(proxy.process, *([self.control_plane] if self.control_plane else [])),
                )
        for app in self.applications:
            if not app.readiness.ready:
                yield codes.APPLICATION_NOT_READY.at(
                    app.application.origin,
                    container=app.application.container,
                    workload=app.application.workload.owner,
                    seconds=f"{timeout:g}",
                    reason=app.readiness.state,
                    hint=_log_hint(app.process),
                )


def refused(error: OSError) -> MeshError:
    """What it means that the kernel did not execute a program."""
    return MeshError((codes.NOT_STARTED.at(Origin(), reason=f"{error.filename}: {error.strerror}"),))


def critical(process: Supervised) -> str:
    """What Envoy logged as critical, without prefix and printed protos; its last line if there is no such thing."""
    text = tail(process.child.log, 200)
    last = text[max(text.rfind("[critical]"), 0) :]
    if found := _CONSTRAINT.search(last):
        return found[1]
    if found := _CRITICAL.match(last):
        return found[1]
    return _last_line(process)


def _last_line(process: Supervised) -> str:
    return tail(process.child.log, 1) or "it says nothing"


def _log_hint(*processes: Supervised) -> str:
    return "see " + " and ".join(str(process.child.log) for process in processes)
