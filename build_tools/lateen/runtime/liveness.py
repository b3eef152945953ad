"""Restarting containers that hang: startup and liveness probes, as the kubelet carries them out.

Source: Kubernetes' documentation of liveness, readiness and startup probes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from lateen.model.pod import Probe
from lateen.runtime.events import Events
from lateen.runtime.plan import Application
from lateen.runtime.probing import Ask
from lateen.runtime.supervision import Process, Supervised

_LOOK = 0.1
"""Seconds between looks at the clock; a probe's own period counts."""


@dataclass(slots=True)
class Liveness:
    """One container that is asked: by its startup probe until that succeeds, then by its liveness probe.

    A container that fails a probe `failureThreshold` times in a row is told to end, has `grace` seconds for it, and is
    started again by its supervision, later each time. It then begins anew.
    """

    application: Application
    process: Supervised
    ask: Ask
    events: Events
    _child: Process | None = None
    _started: bool = False
    _since: float = 0.0
    _asked: float = 0.0
    _failures: int = 0
    _kill_at: float | None = field(default=None)

    def look(self) -> None:
        """Ask if it is time to, and end the container if it has failed too often."""
        child, now = self.process.child, monotonic()
        if child is not self._child:
            # Whoever starts a mesh has waited for the startup probe of the first process already.
            self._started = self.application.startup is None or self._child is None
            self._child, self._since, self._failures, self._kill_at = child, now, 0, None
        if not child.running:
            return
        if self._kill_at is not None:
            if now >= self._kill_at:
                child.signal(signal.SIGKILL)
            return
        probe = self.application.liveness if self._started else self.application.startup
        if probe and now >= max(self._since + probe.initial_delay, self._asked + probe.period):
            self._asked = now
            self._judge(probe, child)

    def _judge(self, probe: Probe, child: Process) -> None:
        problem = self.ask(probe)
        if not problem:
            self._failures = 0
            if not self._started:
                self._started, self._asked = True, 0.0
            return
        self._failures += 1
        if self._failures >= probe.failure_threshold and child.running:
            self.events.add({"event": "unhealthy", "process": self.process.name, "reason": problem})
            self._kill_at = monotonic() + self.application.grace
            child.signal(signal.SIGTERM)


class LivenessWatch:
    """Looks after containers on one thread each, since an answer may take as long as its probe allows."""

    def __init__(self, containers: Iterable[Liveness]) -> None:
        """Watch those that have something to be asked, from now on."""
        self._stop = threading.Event()
        asked = (one for one in containers if one.application.liveness or one.application.startup)
        self._threads = [threading.Thread(target=self._watch, args=(one,), daemon=True) for one in asked]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask nobody any more; returns when no question is open."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, container: Liveness) -> None:
        while not self._stop.wait(_LOOK):
            container.look()
