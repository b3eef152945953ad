"""Loopback addresses of a run, and the claim on them that concurrent runs respect."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import runtime as codes

BLOCKS = 62
"""How many runs find room in 127.0.0.0/8: block k has the second octets 4k+1 to 4k+4."""

INSTANCES = 65_535
"""How many workloads a block numbers, over the last two octets."""

TCP_INSTANCES = TCP_SERVICES = 255
"""How many workloads, and TCP services in each, have listeners for TCP services: one octet each."""


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses of one run. Instances and services count from 1; block 0 begins at 127.1.0.1."""

    number: int = 0

    def inbound(self, instance: int) -> str:
        """Where the sidecar or router of an instance is reached."""
        return self._address(1, instance)

    def application(self, instance: int) -> str:
        """Where the application listens: its pod IP."""
        return self._address(2, instance)

    def outbound(self, instance: int) -> str:
        """Where the sidecar takes what its application sends."""
        return self._address(3, instance)

    def tcp(self, instance: int, service: int) -> str:
        """Where the sidecar of an instance takes connections to a TCP service."""
        return f"127.{4 * self.number + 4}.{instance}.{service}"

    def _address(self, role: int, instance: int) -> str:
        return f"127.{4 * self.number + role}.{instance >> 8}.{instance & 255}"


class ClaimedBlock:
    """A block that no other run on this machine uses, until `release` or the end of this process.

    The claim is a socket in the kernel's abstract namespace. That namespace has the same extent as the loopback
    interface (a network namespace), spans users, and forgets a claim with the process that made it.
    """

    def __init__(self) -> None:
        """Claim the first free block. Raises MeshError if there is none."""
        for number in range(BLOCKS):
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0lateen/addresses/{number}")
            except OSError:
                claim.close()
                continue
            self._claim = claim
            self.block = Block(number)
            return
        raise MeshError((codes.NO_ADDRESS_BLOCK.at(Origin(), count=BLOCKS, hint="`lateen down` ends all runs"),))

    def release(self) -> None:
        """Let others have the block."""
        self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.release()
