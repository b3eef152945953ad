"""Asking applications and Envoys whether they are ready."""

from __future__ import annotations

import socket
import warnings
from dataclasses import dataclass, field
from time import monotonic

import requests
from urllib3.exceptions import InsecureRequestWarning

from lateen.model.pod import Probe
from lateen.runtime.direct import get
from lateen.runtime.plan import Application

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
    """Whether an application is ready, by its readiness probe.

    Without one its first container port must accept connections: calls sent earlier would fail. A probe begins after
    `initialDelaySeconds` and, other than the kubelet's, is repeated faster than `periodSeconds` until it succeeds.
    `state` is empty when ready, else what is missing.
    """

    application: Application
    state: str = "it has not been asked yet"
    _since: float = field(default_factory=monotonic)
    _asked: float = 0.0
    _successes: int = 0

    @property
    def ready(self) -> bool:
        """Whether it was found ready; it stays so."""
        return not self.state

    def ask(self) -> bool:
        """Ask if it is time to; returns whether the application is ready."""
        probe = self.application.readiness or _port_probe(self.application)
        if probe is None:
            self.state = ""
        now = monotonic()
        if self.ready or probe is None or now - self._since < probe.initial_delay:
            return self.ready
        if now - self._asked < min(_STEP, probe.period):
            return False
        self._asked = now
        failure = self._failure(probe)
        self._successes = 0 if failure else self._successes + 1
        self.state = failure
        if not failure and self._successes < probe.success_threshold:
            self.state = f"{self._successes} of {probe.success_threshold} probes succeeded"
        return self.ready

    def _failure(self, probe: Probe) -> str:
        address = self.application.address
        port = self._port(probe)
        if not probe.http:
            try:
                socket.create_connection((address, port), probe.timeout).close()
            except OSError:
                return f"nothing accepts connections on {address}:{port}, its pod IP"
            return ""
        url = f"{probe.scheme.lower()}://{address}:{port}{probe.http}"
        try:
            with warnings.catch_warnings(category=InsecureRequestWarning, action="ignore"):
                answer = get(url, probe.timeout)
        except requests.RequestException as error:
            return f"{url} gives {_cause(error)}"
        return "" if answer.status_code < 400 else f"{url} answers {answer.status_code}"

    def _port(self, probe: Probe) -> int:
        if isinstance(probe.port, int):
            return probe.port
        return self.application.workload.named_ports.get(probe.port, 0)


def _port_probe(application: Application) -> Probe | None:
    return Probe(port=application.ports[0]) if application.ports else None


def _cause(error: BaseException) -> str:
    """The innermost reason of a failed request, without the addresses of objects that requests puts around it."""
    match error:
        case requests.Timeout():
            return "no answer in time"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return type(error).__name__
