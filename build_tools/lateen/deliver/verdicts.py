"""Envoy's refusals of secrets and extension configs, kept for a server that takes this one's place."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from lateen.deliver.protocol import ONE_BY_ONE, Reference, Rejection
from lateen.identity import files


class Verdicts:
    """A file of refusals by proxy. A file that cannot be read is none: Envoy's first verdict is repeated at worst."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, list[list[str]]] = {}
        with contextlib.suppress(OSError, ValueError):
            self._kept = json.loads(path.read_text())

    def of(self, proxy: str) -> dict[Reference, Rejection]:
        """What the Envoy of that proxy refused."""
        found = (Rejection(*fields) for fields in self._kept.get(proxy, ()))
        return {(r.type_url, r.name): r for r in found}

    def keep(self, proxy: str, rejected: Mapping[Reference, Rejection]) -> None:
        """Replace what is kept of that proxy; what the file cannot take is kept by this process alone."""
        fields = [[r.type_url, r.name, r.version, r.message] for r in rejected.values() if r.type_url in ONE_BY_ONE]
        if fields != self._kept.get(proxy, []):
            self._kept[proxy] = fields
            with contextlib.suppress(OSError):
                files.write(self._path, json.dumps(self._kept).encode(), 0o600)
