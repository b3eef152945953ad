"""Sending pieces of a message so that Envoy reads, and hands to its filters, each of them by itself."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable
from pathlib import Path
from time import monotonic, sleep

_READ_SECONDS = 1.0
"""Envoy stops reading when a filter's buffer is full; the rest is then sent all the same."""
_STEP = 0.002


def send(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send each piece once the one before it was read by the other end. Raises OSError if the connection breaks."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for index, piece in enumerate(pieces):
        if index:
            wait_until_read(connection)
        connection.sendall(piece)


def wait_until_read(connection: socket.socket) -> None:
    """Wait until the other end has read what was sent, or has something to say, after which it may read no more.

    Envoy reads a socket until it is empty, so a pause has to follow the moment at which it is.
    """
    here, there = connection.getsockname()[1], connection.getpeername()[1]
    deadline = monotonic() + _READ_SECONDS
    while _unread(here, there) and not select.select([connection], [], [], 0)[0] and monotonic() < deadline:
        sleep(_STEP)
    sleep(_STEP)


def _unread(here: int, there: int) -> int:
    """How many bytes from port `here` wait at port `there`, as the kernel tells for this network namespace."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(f":{there:04X}") and remote.endswith(f":{here:04X}"):
            return int(queues.partition(":")[2], 16)
    return 0
