"""An Envoy that is measured."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import requests

from lateen.runtime.child import Child
from lateen.runtime.direct import get
from lateen.runtime.envoy import envoy_options
from lateen.runtime.supervision import stop

PATIENCE = 30.0
DRAIN_SECONDS = 5.0


class NotServingError(RuntimeError):
    """An Envoy that does not become ready; the message is the last thing that it said."""


class Server:
    """An Envoy with a static bootstrap. It serves when the constructor returns; whoever made it stops it."""

    def __init__(self, binary: Path, config: dict[str, Any], folder: Path, name: str, workers: int = 1) -> None:
        """Start it; its files are `folder/name.*`. Raises NotServingError."""
        folder.mkdir(exist_ok=True)
        path, admin = folder / f"{name}.json", folder / f"{name}.admin"
        path.write_bytes(orjson.dumps(config))
        admin.unlink(missing_ok=True)
        options = ("--config-path", str(path), "--admin-address-path", str(admin))
        self.child = Child((str(binary), *options, *envoy_options(DRAIN_SECONDS, workers)), folder / f"{name}.log")
        try:
            self._admin = self._ready(admin)
        except BaseException:
            stop([self.child])
            raise

    @property
    def ports(self) -> dict[str, int]:
        """The ports of its listeners, by their names."""
        listeners = get(f"http://{self._admin}/listeners?format=json", 5).json()["listener_statuses"]
        return {each["name"]: int(each["local_address"]["socket_address"]["port_value"]) for each in listeners}

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has used so far, all threads together."""
        return time.clock_gettime(~self.child.pid << 3 | 2)  # clock_getcpuclockid(3) makes the same number

    @property
    def resident(self) -> int:
        """KB of memory that it holds."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) if found else 0

    def _ready(self, admin: Path) -> str:
        deadline = time.monotonic() + PATIENCE
        while self.child.running and time.monotonic() < deadline:
            if admin.exists() and (address := admin.read_text()):
                with suppress(requests.RequestException):
                    if get(f"http://{address}/ready", 1).ok:
                        return address
            time.sleep(0.02)
        raise NotServingError(self.child.tail(1) or self.child.status)


@contextmanager
def serving(binary: Path, config: dict[str, Any], folder: Path, name: str, workers: int = 1) -> Iterator[Server]:
    """A Server for a block."""
    server = Server(binary, config, folder, name, workers)
    try:
        yield server
    finally:
        stop([server.child])
