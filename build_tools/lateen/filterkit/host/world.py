"""What streams have in common: the clock, other clusters, what was logged, and the shared data of all modules."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.metrics import Metrics
from lateen.filterkit.host.shared import SharedData, SharedQueues
from lateen.filterkit.scenarios.http1 import sent_response
from lateen.filterkit.scenarios.message import Message, to_bytes, to_text
from lateen.filterkit.scenarios.scenario import Answer, Call, GrpcReply

NANOSECONDS = 1_000_000_000

_NO_CONNECTION = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
_RESET = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
_LATE = "upstream request timeout"
_NOT_CONNECTED = (
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
)
_UNIMPLEMENTED, _INTERNAL, _UNAVAILABLE = 12, 13, 14


@dataclass(slots=True)
class HttpAnswer:
    """What a call by HTTP gets."""

    headers: Fields
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)


class World:
    """The surroundings of a filter. Time stands still unless it is advanced, or something that will come is waited for.

    `answers` are those of other clusters, `clusters` their names, `made` the calls to them, `unanswered` those that no
    answer matched, `logs` the lines that filters and host have logged.
    """

    def __init__(self, now: float | None = None, clusters: Collection[str] = ()) -> None:
        """`now` is in seconds since the epoch; without it, what the real clock says."""
        self.now = time.time_ns() if now is None else round(now * NANOSECONDS)
        self.clusters = set(clusters)
        self.answers: Sequence[Answer] = ()
        self.made: list[Call] = []
        self.unanswered: list[Call] = []
        self.logs: list[str] = []
        self.metrics = Metrics()
        self.shared = SharedData()
        self.queues = SharedQueues()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do that in so many seconds of this world."""
        heapq.heappush(self._events, (self.now + round(seconds * NANOSECONDS), next(self._order), action))

    def settle(self) -> None:
        """Do all that is due now."""
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due meanwhile, in its order."""
        end = self.now + round(seconds * NANOSECONDS)
        while self._events and self._events[0][0] <= end:
            due, _, action = heapq.heappop(self._events)
            self.now = max(self.now, due)
            action()
        self.now = end

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until the condition holds, or for so many seconds; says whether it does."""
        end = self.now + round(seconds * NANOSECONDS)
        self.settle()
        while not condition() and self._events and self._events[0][0] <= end:
            self.now = max(self.now, self._events[0][0])
            self.settle()
        if not condition():
            self.now = end
        return condition()

    def http_call(
        self,
        cluster: str,
        headers: Fields,
        body: bytes,
        trailers: Fields,
        timeout: float,
        done: Callable[[HttpAnswer], None],
    ) -> None:
        """Call a cluster by HTTP; `done` gets the answer, which is a 504 after `timeout` seconds (0: never)."""
        answer = self._call(cluster, _message(headers, body, trailers))
        if answer is None:
            self._settle_call(0.0, timeout, lambda: done(_local(404, "")), lambda: done(_local(504, _LATE)))
        elif answer.error:
            text = _RESET if answer.error == "reset" else _NO_CONNECTION
            wait = float("inf") if answer.error == "timeout" else answer.delay
            self._settle_call(wait, timeout, lambda: done(_local(503, text)), lambda: done(_local(504, _LATE)))
        else:
            given = _http_answer(answer.response, (headers.get(b":method") or b"").decode())
            self._settle_call(answer.delay, timeout, lambda: done(given), lambda: done(_local(504, _LATE)))

    def grpc_call(
        self,
        cluster: str,
        path: str,
        metadata: Fields,
        message: bytes,
        timeout: float,
        done: Callable[[GrpcReply], None],
    ) -> None:
        """Call a method; `done` gets its message and status."""
        headers = ((":method", "POST"), (":path", path), *_text(metadata))
        answer = self._call(cluster, Message(headers, (to_text(message),)))
        late = _failed(_UNAVAILABLE, _LATE, "response_timeout")
        if answer is None:
            reply, wait = _failed(_UNIMPLEMENTED, "the scenario has no answer", "via_upstream"), 0.0
        elif answer.error == "reset":
            reply, wait = GrpcReply(_INTERNAL), answer.delay
        elif answer.error:
            reply = _failed(_UNAVAILABLE, _NO_CONNECTION, _NOT_CONNECTED)
            wait = float("inf") if answer.error == "timeout" else answer.delay
        else:
            reply, wait = answer.grpc or GrpcReply(_UNAVAILABLE), answer.delay
            if reply.status:
                reply = _failed(reply.status, reply.details, "via_upstream")
        self._settle_call(wait, timeout, lambda: done(reply), lambda: done(late))

    def _call(self, cluster: str, request: Message) -> Answer | None:
        target = request.header(":method"), request.header(":path")
        answer = next((answer for answer in self.answers if answer.matches(cluster, *target)), None)
        gone = any(answer.cluster == cluster and answer.error == "unreachable" for answer in self.answers)
        if gone:
            return Answer(cluster, error="unreachable")
        call = Call(cluster, request)
        self.made.append(call)
        if answer is None:
            self.unanswered.append(call)
        return answer

    def _settle_call(self, wait: float, timeout: float, answered: Callable[[], None], late: Callable[[], None]) -> None:
        if timeout and wait >= timeout:
            self.later(timeout, late)
        elif wait != float("inf"):
            self.later(wait, answered)


def _failed(status: int, text: str, how: str) -> GrpcReply:
    """Envoy appends to the text of a gRPC status how it came about."""
    return GrpcReply(status, None, f"{text}{{{how}}}" if text else how)


def _http_answer(message: Message, method: str) -> HttpAnswer:
    headers, body, trailers = sent_response(message, method)
    return HttpAnswer(
        Fields(((to_bytes(n), to_bytes(v)) for n, v in headers), "response"),
        to_bytes("".join(body)) if body else b"",
        Fields((to_bytes(n), to_bytes(v)) for n, v in trailers),
    )


def _local(status: int, text: str) -> HttpAnswer:
    body = text.encode()
    headers = [(b":status", str(status).encode()), (b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"text/plain"))
    return HttpAnswer(Fields(headers, "response"), body)


def _message(headers: Fields, body: bytes, trailers: Fields) -> Message:
    return Message(_text(headers), (to_text(body),) if body else (), _text(trailers))


def _text(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((to_text(name), to_text(value)) for name, value in fields)
