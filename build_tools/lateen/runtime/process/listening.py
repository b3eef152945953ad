"""Who listens where on this machine, from /proc."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket in the state LISTEN; `inode` identifies the socket."""

    address: str
    port: int
    inode: str

    @property
    def everywhere(self) -> bool:
        """Whether it is bound to the wildcard address."""
        return ipaddress.ip_address(self.address).is_unspecified


def listeners() -> Iterator[Listener]:
    """Every listening TCP socket of this network namespace."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # no IPv6
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    address, _, port = fields[1].partition(":")
                    yield Listener(_address(address), int(port, 16), fields[9])


def _address(words: str) -> str:
    """An address as the kernel prints it: 32-bit words, each in the machine's (little-endian) order."""
    packed = b"".join(bytes.fromhex(words[i : i + 8])[::-1] for i in range(0, len(words), 8))
    return str(ipaddress.ip_address(packed))


def sockets(process: int) -> set[str]:
    """Inodes of the sockets that a process has open; empty if it may not be looked at."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def holder(address: str, port: int) -> str:
    """The process that keeps others from this address and port, in words."""
    found = next((one for one in listeners() if one.port == port and (one.everywhere or one.address == address)), None)
    if found is None:
        return "another process"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and found.inode in sockets(int(entry.name)):
            with contextlib.suppress(OSError):
                name = (entry / "comm").read_text().strip()
                return f"{name} (process {entry.name}), which listens on {found.address}"
    return f"a process that listens on {found.address}"
