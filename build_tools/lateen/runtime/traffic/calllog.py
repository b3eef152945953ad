"""What proxies wrote of the calls that carry `x-lateen-call`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.runtime.rotation import rotated
from lateen.runtime.running import RunningProxy

CALL_HEADER = "x-lateen-call"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one proxy: a call as that proxy saw it."""

    proxy: str  # key of the proxy
    direction: str
    status: int
    details: str
    upstream_host: str
    request_headers: dict[str, str | None] = field(default_factory=dict)


class CallLogs:
    """The call logs of every proxy, read from where they stood when this was made."""

    def __init__(self, proxies: Iterable[RunningProxy]) -> None:
        self._paths = {p.key: p.call_log for p in proxies}
        self._offsets = {key: _size(path) for key, path in self._paths.items()}
        self._entries: dict[str, list[Entry]] = {}

    def of(self, call: str) -> list[Entry]:
        """What has been read of the call with this id."""
        return self._entries.get(call, [])

    def wait_for(self, calls: Mapping[str, Collection[str]], timeout: float = 5.0) -> None:
        """Read until each call id has an entry of each of its proxies (keys), or until `timeout` seconds are over.

        A proxy that is named twice has two entries: a workload that calls itself sends and receives.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._read()
            missing = any(Counter(keys) - Counter(e.proxy for e in self.of(call)) for call, keys in calls.items())
            if not missing or time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def _read(self) -> None:
        for key, path in self._paths.items():
            if _size(path) < self._offsets[key]:
                self._read_on(key, rotated(path))
                self._offsets[key] = 0
            self._read_on(key, path)

    def _read_on(self, key: str, path: Path) -> None:
        """Take the whole lines behind the offset."""
        if _size(path) <= self._offsets[key]:
            return
        with path.open("rb") as log:
            log.seek(self._offsets[key])
            text = log.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._offsets[key] += len(complete)
        for line in complete.splitlines():
            fields = json.loads(line)
            self._entries.setdefault(str(fields.get("call")), []).append(_entry(key, fields))


def _entry(proxy: str, fields: dict[str, Any]) -> Entry:
    return Entry(
        proxy=proxy,
        direction=str(fields.get("direction") or ""),
        status=int(fields.get("status") or 0),
        details=str(fields.get("details") or ""),
        upstream_host=str(fields.get("upstream_host") or ""),
        request_headers=dict(fields.get("request_headers") or {}),
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
