"""The other clusters that a filter calls: a real server each, which answers as the scenario says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from io import BufferedIOBase
from time import sleep
from types import TracebackType
from typing import Self

import grpc

from lateen.filterkit.scenarios.http1 import read_request, write_response
from lateen.filterkit.scenarios.message import Message, to_text
from lateen.filterkit.scenarios.scenario import Answer, Call, Exchange
from lateen.filterkit.scenarios.server import LOOPBACK, Server, reset, wait_for_the_end

_SECONDS = 10.0
_PIECE = 65536
_THREADS = 16


class Clusters:
    """The servers of all clusters that scenarios name, each on a port that stays its own while the block lasts.

    `made` are the calls since `expect`, in order; `unanswered` those of them that no answer of the scenario matched.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self.made: list[Call] = []
        self.unanswered: list[Call] = []
        self.grpc: set[str] = set()
        self._answers: Sequence[Answer] = ()
        self._sent = threading.Event()
        self._stack = ExitStack()
        self._ports: dict[str, socket.socket] = {}
        self._running: dict[str, ExitStack] = {}
        answers = [answer for exchange in exchanges for answer in exchange.answers]
        for answer in answers:
            if answer.cluster not in self._ports:
                self._ports[answer.cluster] = self._stack.enter_context(_reserved_port())
            if answer.grpc is not None:
                self.grpc.add(answer.cluster)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for running in self._running.values():
            running.close()
        self._stack.close()

    @property
    def ports(self) -> dict[str, int]:
        """Where each cluster's server listens, when it does."""
        return {name: int(holder.getsockname()[1]) for name, holder in self._ports.items()}

    def expect(self, answers: Sequence[Answer]) -> None:
        """From now on answer like this; nothing is answered before `sent`."""
        self.made, self.unanswered, self._answers = [], [], answers
        self._sent.clear()
        gone = {answer.cluster for answer in answers if answer.error == "unreachable"}
        for name, port in self.ports.items():
            if name in gone and (running := self._running.pop(name, None)):
                running.close()
            elif name not in gone and name not in self._running:
                self._running[name] = running = ExitStack()
                running.enter_context(_Grpc(self, name, port) if name in self.grpc else _Http(self, name, port))

    def sent(self) -> None:
        """Every request is on its way: answers may come."""
        self._sent.set()

    def answer(self, cluster: str, request: Message) -> Answer | None:
        """The answer to a call once it may be given; None if there is none."""
        call = Call(cluster, request)
        self.made.append(call)
        found = next((a for a in self._answers if a.matches(cluster, *_target(request))), None)
        if found is None:
            self.unanswered.append(call)
        self._sent.wait(_SECONDS)
        if found is not None:
            sleep(found.delay)
        return found


class _Http(Server):
    def __init__(self, clusters: Clusters, name: str, port: int) -> None:
        self._clusters, self._name = clusters, name
        super().__init__(self._answer, port)

    def _answer(self, connection: socket.socket, stream: BufferedIOBase) -> None:
        request = read_request(stream)
        answer = self._clusters.answer(self._name, request)
        if answer is None:
            connection.sendall(_whole(Message(((":status", "404"),)), request))
        elif answer.error == "reset":
            reset(connection)
        elif answer.error == "timeout":
            wait_for_the_end(connection)
        else:
            connection.sendall(_whole(answer.response, request))


def _whole(answer: Message, request: Message) -> bytes:
    """At once, because Envoy hands the answer to a call to filters only when it has all of it."""
    return b"".join(write_response(answer, request.header(":method") or ""))


class _Grpc(grpc.GenericRpcHandler):
    """Any method of any service: the first message of the caller is read, what the scenario says is answered.

    Connections come through a front, where one can be broken off or fall silent: gRPC itself would tell the caller of
    a deadline before Envoy notices that it is over.
    """

    def __init__(self, clusters: Clusters, name: str, port: int) -> None:
        self._clusters, self._name = clusters, name
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), handlers=[self])
        self._target = (LOOPBACK, self._server.add_insecure_port(f"{LOOPBACK}:0"))
        self._front = Server(self._forward, port)
        self._silent: set[int] = set()
        self._callers: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        self._server.start()
        self._front.__enter__()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._front.__exit__(None, None, None)
        self._server.stop(None).wait()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """How a call is handled, whatever it is."""
        headers = ((":method", "POST"), (":path", details.method), *_metadata(details))

        def handle(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            first = next(messages, None)
            body = () if first is None else (to_text(first),)
            answer = self._clusters.answer(self._name, Message(headers, body))
            front = int(context.peer().rpartition(":")[2])
            if answer is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "the scenario has no answer")
            elif answer.error == "reset":
                reset(self._callers[front])
            elif answer.error == "timeout":
                self._silent.add(front)
            elif answer.grpc is not None:
                if answer.grpc.message is not None:
                    yield answer.grpc.message
                context.set_code(_STATUS[answer.grpc.status])
                context.set_details(answer.grpc.details)

        return grpc.stream_stream_rpc_method_handler(handle)

    def _forward(self, caller: socket.socket, _stream: BufferedIOBase) -> None:
        with socket.create_connection(self._target, _SECONDS) as server:
            front = server.getsockname()[1]
            self._callers[front] = caller
            threading.Thread(target=self._back, args=(server, caller, front), daemon=True).start()
            while data := caller.recv(_PIECE):
                server.sendall(data)

    def _back(self, server: socket.socket, caller: socket.socket, front: int) -> None:
        with suppress(OSError):
            while data := server.recv(_PIECE):
                if front not in self._silent:
                    caller.sendall(data)


_STATUS = {code.value[0]: code for code in grpc.StatusCode}


def _metadata(details: grpc.HandlerCallDetails) -> Iterator[tuple[str, str]]:
    for name, value in details.invocation_metadata:
        yield name, to_text(value) if isinstance(value, bytes) else value


def _target(request: Message) -> tuple[str | None, str | None]:
    return request.header(":method"), request.header(":path")


def _reserved_port() -> socket.socket:
    """A free port that nobody else gets, and where nothing listens until a server does beside this socket."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, 0))
    return holder
