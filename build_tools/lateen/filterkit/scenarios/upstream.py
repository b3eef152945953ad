"""The server behind Envoy: it remembers what it got and answers as it was told."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedIOBase

from lateen.filterkit.scenarios.http1 import read_request, write_response
from lateen.filterkit.scenarios.message import Message
from lateen.filterkit.scenarios.pace import send
from lateen.filterkit.scenarios.server import Server, wait_for_the_end

_SECONDS = 10.0


@dataclass(slots=True)
class Awaited:
    """A request that may come: its answer (None: never one), held back until `sent`, and the request once it came."""

    response: Message | None
    sent: threading.Event = field(default_factory=threading.Event)
    request: Message | None = None


class Upstream(Server):
    """An HTTP/1.1 server; one request per connection.

    Whose request it is says the PROXY protocol, which Envoy puts in front: `awaited` is by the client's (host, port).
    """

    def __init__(self) -> None:
        self.awaited: dict[tuple[str, int], Awaited] = {}
        super().__init__(self._answer)

    def _answer(self, connection: socket.socket, stream: BufferedIOBase) -> None:
        _, _, client, _, port, _ = stream.readline().decode().split()
        awaited = self.awaited[client, int(port)]
        awaited.request = request = read_request(stream)
        if awaited.response is None:
            with suppress(OSError):
                wait_for_the_end(connection)
            return
        awaited.sent.wait(_SECONDS)
        send(connection, write_response(awaited.response, request.header(":method") or ""))
