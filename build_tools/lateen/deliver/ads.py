"""The gRPC end of delta ADS: one server, on a Unix socket of its own, for each proxy.

The socket decides whose configuration and keys are served, not the node id that a client claims. gRPC does not tell
on which of several sockets a stream came in, so each has a server object.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

# Read when grpc is imported; with fork handlers, every child that this process starts prints a warning.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc

from lateen.deliver import SOCKET_PATH_LIMIT
from lateen.deliver.messages import Messages
from lateen.deliver.protocol import Rejection, Request, Resources, Response
from lateen.deliver.stream import Stream
from lateen.deliver.verdicts import Verdicts
from lateen.identity import files

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

_OPTIONS = (
    ("grpc.http2.max_ping_strikes", 0),  # Envoy's keepalive pings an idle stream more often than gRPC likes
    ("grpc.max_receive_message_length", -1),  # a client that comes back lists every version that it holds
)

_Context = grpc.aio.ServicerContext[Request, Response]


class Observer(Protocol):
    """Hears what proxies do; called on the event loop."""

    def connected(self, proxy: str) -> None:
        """A stream was opened."""

    def acknowledged(self, proxy: str, generation: int) -> None:
        """Everything of that generation is in force; once for each stream and generation."""

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Envoy refused a resource, and goes on with what it had."""


class ProxyServer:
    """Serves one proxy. Nothing is sent before the first `offer`, so that a server without an answer harms nobody."""

    def __init__(
        self,
        proxy: str,
        socket: Path,
        messages: Messages,
        verdicts: Verdicts,
        observer: Observer,
        *,
        shared: bool = False,
    ) -> None:
        """`shared`: whoever reaches the socket's folder may connect, not its owner alone."""
        self._mode = 0o666 if shared else 0o600
        self.proxy, self.socket, self.verdicts, self.observer = proxy, socket, verdicts, observer
        self.resources: Resources | None = None
        self.generation = 0
        self._sessions: set[_Session] = set()
        self._bound = False
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Handler(messages, self._serve),))

    async def start(self) -> None:
        """Listen. A socket file that is in the way is replaced. Raises OSError if the socket cannot be bound."""
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(self.socket))
        if not self.socket.parent.exists():
            files.private_directory(self.socket.parent)
        try:
            self._server.add_insecure_port(f"unix:{self.socket}")
        except RuntimeError as error:
            raise OSError(errno.EADDRNOTAVAIL, "cannot listen on this socket", str(self.socket)) from error
        self._bound = True
        await self._server.start()
        self.socket.chmod(self._mode)

    async def stop(self) -> None:
        """Close every stream and remove the socket, if `start` made one."""
        await self._server.stop(None)
        if self._bound:
            self.socket.unlink(missing_ok=True)

    def offer(self, resources: Resources, generation: int) -> None:
        """Bring the proxy to `resources`, now and whenever it connects."""
        self.resources, self.generation = resources, generation
        for session in self._sessions:
            session.wake.set()

    async def _serve(self, requests: AsyncIterator[Request], context: _Context) -> None:
        session = _Session(self, context)
        self._sessions.add(session)
        try:
            await session.run(requests)
        finally:
            self._sessions.discard(session)


class _Session:
    """One open stream."""

    def __init__(self, server: ProxyServer, context: _Context) -> None:
        self._server, self._context = server, context
        self._stream = Stream(server.verdicts.of(server.proxy))
        self._announced = 0
        self.wake = asyncio.Event()

    async def run(self, requests: AsyncIterator[Request]) -> None:
        """Answer until the client closes the stream."""
        self._server.observer.connected(self._server.proxy)
        reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self.wake.set())
        try:
            while not reader.done():
                await self._push()
                await self._wait()
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        server = self._server
        async for request in requests:
            rejections = self._stream.receive(request)
            server.verdicts.keep(server.proxy, self._stream.rejected)
            for rejection in rejections:
                server.observer.rejected(server.proxy, rejection)
            self.wake.set()

    async def _push(self) -> None:
        resources, generation = self._server.resources, self._server.generation
        if resources is None:
            return
        for response in self._stream.responses(resources, monotonic()):
            await self._context.write(response)
        if generation > self._announced and self._stream.settled(resources):
            self._announced = generation
            self._server.observer.acknowledged(self._server.proxy, generation)

    async def _wait(self) -> None:
        now = monotonic()
        deadline = self._stream.deadline(now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if deadline is None else deadline - now):
                await self.wake.wait()
        self.wake.clear()


class _Handler(grpc.GenericRpcHandler):
    """Routes the one method, without generated stubs."""

    def __init__(self, messages: Messages, serve: Any) -> None:
        self._method = grpc.stream_stream_rpc_method_handler(serve, messages.parse, messages.serialize)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of delta ADS; None, which gRPC answers with UNIMPLEMENTED, for anything else."""
        return self._method if handler_call_details.method == METHOD else None
