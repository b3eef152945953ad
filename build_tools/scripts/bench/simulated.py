"""Simulated Envoys: `python -m bench.simulated SOCKET ...` holds a delta ADS stream on each socket.

Each asks as Envoy does: for all clusters and listeners, then by name for what those refer to. It acknowledges
everything, keeps nothing, and has no traffic; so it answers sooner than an Envoy would.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from lateen.deliver.ads import METHOD  # before grpc, which it configures
from lateen.deliver.encoding import references
from lateen.deliver.protocol import CLUSTER, LISTENER, WILDCARD
from lateen.schema import Schema

import grpc  # isort: skip

_DISCOVERY = "envoy.service.discovery.v3."
_UNBOUNDED = (("grpc.max_receive_message_length", -1),)


class Simulated:
    """One Envoy on one socket."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._asked: set[tuple[str, str]] = set()
        self._requests: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self) -> None:
        """Answer until the server closes the stream."""
        schema = Schema.default()
        request: Any = schema.message_class(f"{_DISCOVERY}DeltaDiscoveryRequest")
        response: Any = schema.message_class(f"{_DISCOVERY}DeltaDiscoveryResponse")
        async with grpc.aio.insecure_channel(f"unix:{self._socket}", options=_UNBOUNDED) as channel:
            stream = channel.stream_stream(METHOD, request.SerializeToString, response.FromString)
            for type_url in (CLUSTER, LISTENER):
                self._requests.put_nowait(request(type_url=type_url))
            async for answer in stream(self._outgoing()):
                for type_url, names in self._new(answer).items():
                    self._requests.put_nowait(request(type_url=type_url, resource_names_subscribe=names))
                self._requests.put_nowait(request(type_url=answer.type_url, response_nonce=answer.nonce))

    async def _outgoing(self) -> AsyncIterator[Any]:
        while True:
            yield await self._requests.get()

    def _new(self, answer: Any) -> dict[str, list[str]]:
        """Names to ask for, by type: what the resources of an answer refer to and nobody has asked for."""
        found: dict[str, list[str]] = {}
        if answer.type_url in WILDCARD:
            for entry in answer.resources:
                for reference in _references(answer.type_url, entry.resource.value) - self._asked:
                    self._asked.add(reference)
                    found.setdefault(reference[0], []).append(reference[1])
        return found


@lru_cache(maxsize=10_000)
def _references(type_url: str, body: bytes) -> frozenset[tuple[str, str]]:
    """Clusters are the same for all, so each is read once."""
    return frozenset(references(Schema.default().decode(type_url, body)))


async def _all(sockets: list[str]) -> None:
    await asyncio.gather(*(Simulated(socket).run() for socket in sockets))


if __name__ == "__main__":
    asyncio.run(_all(sys.argv[1:]))
