"""Shared data and queues: what all machines with the same `vm_id` have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lateen.filterkit.host.abi import Refused, Status


class SharedData:
    """Values by `vm_id` and key, each with the number of its last change."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self._changes = 0

    def get(self, vm_id: str, key: bytes) -> tuple[bytes, int]:
        """The value and its number. Raises Refused."""
        if (vm_id, key) not in self._values:
            raise Refused(Status.NOT_FOUND)
        return self._values[vm_id, key]

    def set(self, vm_id: str, key: bytes, value: bytes, seen: int = 0) -> None:
        """Set it; if there is one already and `seen` is not 0, only if that is its number. Raises Refused."""
        place = (vm_id, key)
        if seen and place in self._values and self._values[place][1] != seen:
            raise Refused(Status.CAS_MISMATCH)
        self._changes += 1
        self._values[place] = (value, self._changes)


class SharedQueues:
    """Queues by `vm_id` and name. The last that registered for one is told of what comes in."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, bytes], int] = {}
        self._queues: dict[int, deque[bytes]] = {}
        self._ready: dict[int, Callable[[int], None]] = {}

    def register(self, vm_id: str, name: bytes, ready: Callable[[int], None]) -> int:
        """The queue's number."""
        token = self._tokens.setdefault((vm_id, name), len(self._tokens) + 1)
        self._queues.setdefault(token, deque())
        self._ready[token] = ready
        return token

    def resolve(self, vm_id: str, name: bytes) -> int:
        """The number of a queue that somebody registered for. Raises Refused."""
        if (vm_id, name) not in self._tokens:
            raise Refused(Status.NOT_FOUND)
        return self._tokens[vm_id, name]

    def put(self, token: int, value: bytes) -> None:
        """Raises Refused."""
        if token not in self._queues:
            raise Refused(Status.NOT_FOUND)
        self._queues[token].append(value)
        self._ready[token](token)

    def take(self, token: int) -> bytes:
        """Raises Refused."""
        if token not in self._queues:
            raise Refused(Status.NOT_FOUND)
        if not self._queues[token]:
            raise Refused(Status.EMPTY)
        return self._queues[token].popleft()
