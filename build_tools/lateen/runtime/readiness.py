"""Asking applications and Envoys whether they are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

import requests

from lateen.model.pod import Probe, TcpSocket
from lateen.runtime.direct import get
from lateen.runtime.plan import Application
from lateen.runtime.probing import Ask

_STEP = 0.1
"""Seconds between questions while a mesh starts; a probe's own `periodSeconds` can only shorten it."""

_LISTENER_FAILURES = "listener_manager.listener_create_failure"


def admin_state(admin: str) -> str:
    """Empty if the Envoy with this admin URL is ready, else what it says instead.

    LIVE is not enough: of two that bind an address at once, the loser finds out in `listen()` and goes on without.
    """
    try:
        answer = get(f"{admin}/ready", 1)
        failed = get(f"{admin}/stats?filter={_LISTENER_FAILURES}", 1).text
    except requests.RequestException:
        return "its admin address does not answer"
    if not answer.ok:
        return f"it says {answer.text.strip()}"
    return "" if failed.rpartition(":")[2].strip() in ("", "0") else "it cannot listen on all of its addresses"


@dataclass(slots=True)
class Readiness:
    """Whether an application is ready: its startup probe has succeeded, then its readiness probe.

    Without a readiness probe its first container port must accept connections: calls sent earlier would fail. A probe
    begins after `initialDelaySeconds` and, other than the kubelet's, is repeated faster than `periodSeconds` until it
    succeeds. `state` is empty when ready, else what is missing.
    """

    application: Application
    question: Ask
    state: str = "it has not been asked yet"
    started: bool = False
    _since: float = field(default_factory=monotonic)
    _asked: float = 0.0
    _successes: int = 0

    def __post_init__(self) -> None:
        self.started = self.application.startup is None

    @property
    def ready(self) -> bool:
        """Whether it was found ready; it stays so."""
        return not self.state

    def ask(self) -> bool:
        """Ask if it is time to; returns whether the application is ready."""
        probe = self._probe()
        if probe is None:
            self.state = ""
        now = monotonic()
        if self.ready or probe is None or now - self._since < probe.initial_delay:
            return self.ready
        if now - self._asked < min(_STEP, probe.period):
            return False
        self._asked = now
        failure = self.question(probe)
        self._successes = 0 if failure else self._successes + 1
        self.state = failure
        if not failure and self._successes < probe.success_threshold:
            self.state = f"{self._successes} of {probe.success_threshold} probes succeeded"
        elif not failure and not self.started:
            self.started, self._successes, self._asked = True, 0, 0.0
            self.state = "" if self._probe() is None else "its readiness has not been asked yet"
        return self.ready

    def _probe(self) -> Probe | None:
        if not self.started:
            return self.application.startup
        return self.application.readiness or _port_probe(self.application)


def _port_probe(application: Application) -> Probe | None:
    return Probe(TcpSocket(application.ports[0])) if application.ports else None
