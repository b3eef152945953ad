"""From started processes to a mesh that is ready, or to the reasons why it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import runtime as codes
from lateen.runtime.child import tail
from lateen.runtime.events import Events, findings_of
from lateen.runtime.plan import Application, PlannedProxy
from lateen.runtime.readiness import Readiness, admin_state
from lateen.runtime.supervision import Supervised

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
class Startup:
    """The processes of a run while it starts. `control_plane` None: proxies with static configuration.

    `remarks` gives what else may be wrong with applications, for a start that succeeded and for one that did not.
    """

    events: Events
    control_plane: Supervised | None
    remarks: Callable[[Iterable[StartingApplication]], Iterable[Diagnostic]]
    proxies: list[StartingProxy] = field(default_factory=list)
    applications: list[StartingApplication] = field(default_factory=list)

    def wait(self, timeout: float) -> tuple[Diagnostic, ...]:
        """Return, with warnings, once everything is ready.

        Raises MeshError as soon as something ended or was rejected, or after `timeout` seconds.
        """
        deadline = monotonic() + timeout
        while True:
            failures = list(self._failures())
            if not failures and self._ready():
                return tuple(self.remarks(self.applications))
            if not failures and monotonic() > deadline:
                failures = list(self._unready(timeout))
            if failures:
                raise MeshError((*failures, *self.remarks(self.applications)))
            sleep(_STEP)

    def _ready(self) -> bool:
        acked = {event["proxy"] for event in self.events.since() if event["event"] == "acked"}
        for proxy in self.proxies:
            if proxy.state:
                proxy.state = admin_state(proxy.admin)
            if not proxy.state and self.control_plane and proxy.planned.key not in acked:
                proxy.state = "it has not taken all of its configuration"
        asked = [application.readiness.ask() for application in self.applications]
        return all(asked) and not any(proxy.state for proxy in self.proxies)

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

    def _unready(self, timeout: float) -> Iterator[Diagnostic]:
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
