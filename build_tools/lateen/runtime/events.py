"""What happens in a run, in order: what its control plane reports, and which processes ended or came back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
"""`event` names what happened; the rest depends on it.

| event | of | further keys |
|---|---|---|
| `serving` | the control plane | |
| `connected` | the control plane | `proxy` |
| `acked` | the control plane | `proxy`, `generation`: all of that generation is in force there |
| `compiled` | the control plane | `generation`, `changed`: number of resources |
| `diagnostics` | the control plane | `generation`, `findings`: an edit that cannot be used |
| `nack` | the control plane | `proxy`, `type`, `name`, `message`, `origin` |
| `ended` | the supervisor | `process`, `status`, `log` |
| `restarted` | the supervisor | `process` |
"""


class Events:
    """A log of events that threads add to and wait on; `notify` hears of each one, on the thread that adds it."""

    def __init__(self, notify: Callable[[Event], None] = lambda _event: None) -> None:
        self._notify = notify
        self._events: list[Event] = []
        self._changed = threading.Condition()

    def add(self, event: Event) -> None:
        """Put an event at the end."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
        self._notify(event)

    def __len__(self) -> int:
        return len(self._events)

    def since(self, position: int = 0) -> list[Event]:
        """The events from `position` on."""
        with self._changed:
            return self._events[position:]

    def wait_for(self, wanted: Callable[[Event], bool], timeout: float, since: int = 0) -> Event:
        """The first event from `since` on that is wanted. Raises TimeoutError after `timeout` seconds."""

        def found() -> Event | None:
            return next((event for event in self._events[since:] if wanted(event)), None)

        with self._changed:
            event = self._changed.wait_for(found, timeout)
        if event is None:
            raise TimeoutError(f"no such event within {timeout:g} s; there were {self.since(since)}")
        return event

    def generation(self, position: int = 0) -> int:
        """The newest generation that was compiled from `position` on, 0 if none."""
        return max((e["generation"] for e in self.since(position) if e["event"] == "compiled"), default=0)
