"""Header maps as Envoy keeps them: names in lower case, pseudo-headers first, some headers with one value only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_BOTH = """connection content-length content-type keep-alive proxy-connection transfer-encoding upgrade via
x-request-id cache-control content-encoding proxy-status x-envoy-attempt-count x-envoy-decorator-operation"""

ONE_VALUE = {
    "request": frozenset(
        f"""{_BOTH} :authority :method :path :protocol :scheme accept accept-encoding access-control-request-headers
        access-control-request-method authorization expect grpc-accept-encoding grpc-timeout host if-match if-none-match
        if-modified-since if-range if-unmodified-since origin pragma referer te user-agent x-client-trace-id
        x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-external-address
        x-envoy-is-timeout-retry x-envoy-original-path x-forwarded-for x-forwarded-host x-forwarded-port
        x-forwarded-proto""".split()
    ),
    "response": frozenset(
        f"""{_BOTH} :status access-control-allow-credentials access-control-allow-headers
        access-control-allow-methods access-control-allow-origin access-control-expose-headers access-control-max-age
        age date etag expires grpc-message grpc-status last-modified location server vary x-envoy-degraded
        x-envoy-immediate-health-check-fail x-envoy-ratelimited x-envoy-upstream-canary
        x-envoy-upstream-healthchecked-cluster x-envoy-upstream-service-time""".split()
    ),
    "trailers": frozenset(("grpc-message", "grpc-status")),
}
"""Headers that Envoy keeps once: what is added is joined to what is there with a comma."""


class Fields:
    """A header map. Names and values are bytes; names are compared in lower case."""

    __slots__ = ("_items", "_single")

    def __init__(self, items: Iterable[tuple[bytes, bytes]] = (), kind: str = "trailers") -> None:
        """`kind` is request, response or trailers: it decides which headers have one value only."""
        self._single = _SINGLE[kind]
        self._items: list[tuple[bytes, bytes]] = []
        for name, value in items:
            self.add(name, value)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def copy(self) -> Fields:
        """The same headers, to be changed by themselves."""
        twin = Fields()
        twin._items, twin._single = list(self._items), self._single
        return twin

    def get(self, name: bytes) -> bytes | None:
        """The first value; None without one."""
        name = name.lower()
        return next((value for key, value in self._items if key == name), None)

    def all(self, name: bytes) -> list[bytes]:
        """Every value, in order."""
        name = name.lower()
        return [value for key, value in self._items if key == name]

    def add(self, name: bytes, value: bytes) -> None:
        """One more value."""
        name = name.lower()
        if name in self._single:
            for index, (key, old) in enumerate(self._items):
                if key == name:
                    self._items[index] = (name, old + b"," + value if old else value)
                    return
        self._insert(name, value)

    def replace(self, name: bytes, value: bytes) -> None:
        """This value alone, in the place of the first; behind all others if there was none."""
        name = name.lower()
        place = next((index for index, (key, _) in enumerate(self._items) if key == name), None)
        if place is None:
            self._insert(name, value)
            return
        self._items[place] = (name, value)
        self._items[place + 1 :] = [item for item in self._items[place + 1 :] if item[0] != name]

    def remove(self, name: bytes) -> None:
        """Without any value."""
        name = name.lower()
        self._items = [item for item in self._items if item[0] != name]

    def assign(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Other headers in place of all of these."""
        self._items = []
        for name, value in items:
            self.add(name, value)

    @property
    def size(self) -> int:
        """The bytes of all names and values."""
        return sum(len(name) + len(value) for name, value in self._items)

    def _insert(self, name: bytes, value: bytes) -> None:
        if name.startswith(b":"):
            place = sum(key.startswith(b":") for key, _ in self._items)
            self._items.insert(place, (name, value))
        else:
            self._items.append((name, value))


_SINGLE = {kind: frozenset(name.encode() for name in names) for kind, names in ONE_VALUE.items()}
