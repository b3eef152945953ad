"""A client of one stream, driven by hand, and a small mesh for it."""

from __future__ import annotations

from lateen.deliver.protocol import (
    CLUSTER,
    ENDPOINT,
    EXTENSION,
    LISTENER,
    ROUTE,
    SECRET,
    Rejection,
    Request,
    Resource,
    Response,
)
from lateen.deliver.stream import Stream

Everything = dict[str, dict[str, Resource]]


def of(version: str, *references: tuple[str, str]) -> Resource:
    return Resource(version, version.encode(), frozenset(references))


def mesh(**versions: str) -> Everything:
    """One of each: cluster `c` with endpoints and secret, listener `l` with route and extension config."""
    v = dict.fromkeys(("cluster", "endpoint", "secret", "listener", "extension", "route"), "1") | versions
    return {
        CLUSTER: {"c": of(v["cluster"], (ENDPOINT, "c"), (SECRET, "s"))},
        ENDPOINT: {"c": of(v["endpoint"])},
        SECRET: {"s": of(v["secret"])},
        LISTENER: {"l": of(v["listener"], (ROUTE, "r"), (EXTENSION, "e"))},
        EXTENSION: {"e": of(v["extension"])},
        ROUTE: {"r": of(v["route"])},
    }


FIRST = (
    Request(CLUSTER),
    Request(ENDPOINT, ("c",)),
    Request(SECRET, ("s",)),
    Request(LISTENER),
    Request(EXTENSION, ("e",)),
    Request(ROUTE, ("r",)),
)


class Client:
    """Drives a stream by hand: nothing is acknowledged unless a test says so."""

    def __init__(self, stream: Stream, resources: Everything) -> None:
        self.stream, self.resources, self.now = stream, resources, 0.0
        self.open: list[Response] = []

    def ask(self, *requests: Request) -> list[Response]:
        for request in requests:
            self.stream.receive(request)
        return self.push()

    def push(self) -> list[Response]:
        sent = self.stream.responses(self.resources, self.now)
        self.open += sent
        return sent

    def ack(self, *types: str) -> list[Response]:
        """Acknowledge what is open (of these types)."""
        for response in [r for r in self.open if not types or r.type_url in types]:
            self.open.remove(response)
            self.stream.receive(Request(response.type_url, nonce=response.nonce))
        return self.push()

    def nack(self, response: Response, text: str) -> list[Rejection]:
        self.open.remove(response)
        return self.stream.receive(Request(response.type_url, nonce=response.nonce, error=text))

    def edit(self, resources: Everything) -> list[Response]:
        self.resources = resources
        return self.push()

    def settle(self) -> None:
        for _ in range(20):
            if not self.open and not self.push():
                return
            self.ack()
        raise AssertionError("never at rest")


def brief(responses: list[Response]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(r.type_url, tuple(r.resources), r.removed) for r in responses]
