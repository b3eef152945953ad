"""A scenario as a value: what is sent, what the world around the filter answers, what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lateen.diagnostics import Origin
from lateen.filterkit.scenarios.message import Message
from lateen.source.document import Document
from lateen.source.document import Path as Steps


@dataclass(frozen=True, slots=True)
class GrpcReply:
    """How a gRPC call ends: one message, if there is one, and the status."""

    status: int = 0
    message: bytes | None = None
    details: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What another cluster answers to a call that has this method and path (None: any).

    `error` is empty, timeout (no answer ever), reset (the connection breaks) or unreachable (nothing listens).
    """

    cluster: str
    method: str | None = None
    path: str | None = None
    response: Message = field(default_factory=Message)
    grpc: GrpcReply | None = None
    delay: float = 0.0
    error: str = ""

    def matches(self, cluster: str, method: str | None, path: str | None) -> bool:
        """Whether it answers such a call."""
        return (
            cluster == self.cluster
            and (self.method is None or method == self.method)
            and (self.path is None or path == self.path)
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A call to another cluster as its server got it; of gRPC the body is the first message."""

    cluster: str
    request: Message


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how the upstream answers it; `path` is where it stands in the document.

    `reset_after` is empty, or says behind which part of the request the client gives up.
    """

    request: Message
    response: Message
    answers: tuple[Answer, ...]
    expect: dict[str, Any]
    path: Steps
    reset_after: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """Requests in flight at the same time: all are sent, in order, before anything is answered."""

    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that passes."""

    seconds: float


Step = Exchange | Together | Pause


@dataclass(frozen=True, slots=True)
class Preset:
    """What only a host of our own can be given: its clock, shared data, properties, and faults by function."""

    time: str | None = None
    shared: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps through one filter with one configuration. `direction` is that of the listener (inbound or outbound).

    `refused` is empty, or what the filter says when it refuses the configuration; there are no steps then.
    """

    name: str
    hosts: tuple[str, ...]
    config: Any
    direction: str
    steps: tuple[Step, ...]
    refused: str
    preset: Preset
    document: Document

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange in order."""
        found: list[Exchange] = []
        for step in self.steps:
            if isinstance(step, Exchange):
                found.append(step)
            elif isinstance(step, Together):
                found += step.exchanges
        return tuple(found)

    def origin(self, *path: str | int) -> Origin:
        """The place of a value of the scenario, or of the deepest node on the way to it."""
        return self.document.origin(path)
