"""What happens in a run, in order: what its control plane reports, and which processes ended or came back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from lateen.diagnostics import Diagnostic, Origin, Severity
from lateen.diagnostics.codes import runtime as codes

Event = dict[str, Any]
"""`event` names what happened; the rest depends on it.

| event | of | further keys |
|---|---|---|
| `serving` | the control plane | |
| `connected` | the control plane | `proxy` |
| `acked` | the control plane | `proxy`, `generation`: all of that generation is in force there |
| `compiled` | the control plane | `generation`, `changed`: number of resources |
| `diagnostics` | the control plane | `generation`, `findings`, `used`: false for an edit that was not put in force |
| `nack` | the control plane | `proxy`, `type`, `name`, `message`, `origin` |
| `preparing` | the supervisor | `what`: an image is built or pulled, which takes a while |
| `ended` | the supervisor | `process`, `status`, `log` |
| `restarted` | the supervisor | `process` |
| `unhealthy` | the supervisor | `process`, `reason`: a probe failed too often, and the process is told to end |
| `full` | the supervisor | `folder`: nothing can be written there any more |
"""

KEPT = 5_000
"""How many events are remembered: a mesh that is edited every second adds them for ever."""


class Events:
    """A log of events that threads add to and wait on; `notify` hears of each one, on the thread that adds it.

    Positions count from the first event on. Of the oldest events beyond KEPT only the positions are left.
    """

    def __init__(self, notify: Callable[[Event], None] = lambda _event: None) -> None:
        self._notify = notify
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._added = 0
        self._changed = threading.Condition()

    def add(self, event: Event) -> None:
        """Put an event at the end."""
        with self._changed:
            self._events.append(event)
            self._added += 1
            self._changed.notify_all()
        self._notify(event)

    def __len__(self) -> int:
        return self._added

    def since(self, position: int = 0) -> list[Event]:
        """The events from `position` on that are remembered."""
        with self._changed:
            return list(self._from(position))

    def wait_for(self, wanted: Callable[[Event], bool], timeout: float, since: int = 0) -> Event:
        """The first event from `since` on that is wanted. Raises TimeoutError after `timeout` seconds."""

        def found() -> Event | None:
            return next((event for event in self._from(since) if wanted(event)), None)

        with self._changed:
            event = self._changed.wait_for(found, timeout)
        if event is None:
            raise TimeoutError(f"no such event within {timeout:g} s; there were {self.since(since)}")
        return event

    def _from(self, position: int) -> Iterator[Event]:
        forgotten = self._added - len(self._events)
        return islice(self._events, max(0, position - forgotten), None)


def findings_of(event: Event) -> Iterator[Diagnostic]:
    """What an event says that a user must act on: a NACK, what was found in an edit, a full disk."""
    if event["event"] == "nack":
        yield _rejected(event)
    elif event["event"] == "full":
        yield codes.STATE_FULL.at(Origin(), folder=event["folder"])
    elif event["event"] == "diagnostics":
        for finding in event["findings"]:
            yield _finding(finding)


def _rejected(event: Event) -> Diagnostic:
    """A NACK at the place in the user's YAML that its resource came from."""
    return codes.REJECTED.at(
        place(str(event.get("origin") or "")),
        proxy=event["proxy"],
        kind=str(event["type"]).rpartition(".")[2],
        name=event["name"],
        reason=event["message"],
    )


def place(text: str) -> Origin:
    """The origin that `file:line:column` names; a text of another form is a file."""
    match text.rsplit(":", 2):
        case [file, line, column] if line.isdigit() and column.isdigit():
            return Origin(file, int(line), int(column))
    return Origin(text)


def _finding(data: Mapping[str, Any]) -> Diagnostic:
    severity = Severity[data["severity"].upper()]
    return Diagnostic(data["code"], severity, data["message"], place(data["origin"]), hint=data["hint"])
