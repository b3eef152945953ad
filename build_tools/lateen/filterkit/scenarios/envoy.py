"""A real Envoy with one filter, while a block lasts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import orjson
import requests

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.bootstrap import World, bootstrap
from lateen.filterkit.scenarios.scenario import Scenario
from lateen.runtime.child import Child
from lateen.runtime.direct import get
from lateen.runtime.supervision import stop

_START_SECONDS = 30.0
_RECORD_SECONDS = 5.0
_STEP = 0.02
_OPTIONS = (
    *("--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "5"),
    *("--log-level", "warning", "--component-log-level", "wasm:debug,lua:debug"),
)
_REASON = re.compile(r"error `(.*?)` initializing config ", re.DOTALL)
_METRIC = re.compile(r"wasmcustom\.(?P<wasm>.+)|http\.(?P<listener>\d+)\.lua\.(?P<lua>.+)")


class Envoy:
    """An Envoy that runs a filter while the block lasts, all of it on free loopback ports.

    `ports` are those of the scenarios, in their order; `log` is where Envoy writes what it has to say. Nothing of it
    survives the block but the files in the folder.
    """

    def __init__(self, binary: Path, suite: Filter, scenarios: Sequence[Scenario], world: World, folder: Path) -> None:
        """Start it. Raises MeshError (LAT0607) if it does not run with that configuration."""
        self.log = folder / "envoy.log"
        self._calls, self._admin, self._suite = folder / "calls.json", folder / "admin", suite
        self._seen, self._records = 0, dict[str, dict[str, Any]]()
        file = folder / "envoy.json"
        file.write_bytes(orjson.dumps(bootstrap(suite, scenarios, world, folder)))
        arguments = ("--config-path", str(file), "--admin-address-path", str(self._admin), *_OPTIONS)
        self._process = Child((str(binary), *arguments), self.log)
        try:
            self.ports = self._ready()
        except BaseException:
            stop([self._process])
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        stop([self._process])

    def record(self, client: tuple[str, int]) -> dict[str, Any] | None:
        """The access log's record of a request by its client; waits for it, as it follows the answer by a moment."""
        wanted = f"{client[0]}:{client[1]}"
        deadline = monotonic() + _RECORD_SECONDS
        while wanted not in self._records and monotonic() < deadline and self._process.running:
            self._read_records()
            sleep(0.002)
        return self._records.pop(wanted, None)

    def metrics(self, listener: int) -> dict[str, int]:
        """The counters and gauges that the filter has defined, under its own names; those of Lua by listener."""
        found: dict[str, int] = {}
        for stat in get(f"http://{self._address}/stats?format=json", 5).json()["stats"]:
            if match := _METRIC.fullmatch(stat.get("name", "")):
                if match["wasm"]:
                    found[match["wasm"]] = stat["value"]
                elif int(match["listener"]) == listener:
                    found[match["lua"]] = stat["value"]
        return found

    def _read_records(self) -> None:
        """Take in the lines that are whole; Envoy may be in the middle of one."""
        if self._calls.exists():
            with self._calls.open("rb") as file:
                file.seek(self._seen)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._seen += len(whole) + len(newline)
            for line in whole.splitlines():
                entry = orjson.loads(line)
                self._records[entry["client"]] = entry

    def _ready(self) -> list[int]:
        """Wait until it serves; gives the ports of its listeners."""
        deadline = monotonic() + _START_SECONDS
        while monotonic() < deadline and self._process.running:
            if self._admin.exists() and (address := self._admin.read_text()):
                try:
                    if get(f"http://{address}/ready", 1).ok:
                        self._address = address
                        return _ports(get(f"http://{address}/listeners?format=json", 5).json())
                except (requests.ConnectionError, requests.Timeout):  # it is about to serve, busy, or to end
                    pass
            sleep(_STEP)
        reason = f"it is not ready after {_START_SECONDS:.0f} s" if self._process.running else self._last_words()
        hint = f"Envoy's log: {self.log}"
        raise MeshError((codes.NOT_STARTED.at(Origin(), name=self._suite.name, reason=reason, hint=hint),))

    def _last_words(self) -> str:
        """Why it refused its configuration, else the last line of its log, else how it ended."""
        refused = _REASON.search(self._process.tail(40))
        reason = refused[1] if refused else self._process.tail(1)
        return " ".join(reason.split()) or self._process.status


def _ports(listeners: dict[str, Any]) -> list[int]:
    statuses = sorted(listeners["listener_statuses"], key=lambda status: int(status["name"]))
    return [int(status["local_address"]["socket_address"]["port_value"]) for status in statuses]
