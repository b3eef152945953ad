"""What the control plane of a run is told: `plan.json` in the run's state directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lateen.identity.ca import WORKLOAD_LIFETIME


@dataclass(frozen=True, slots=True)
class PlannedProxy:
    """A proxy that runs: the Unix socket that it asks, and node metadata of this run on top of the mesh's own."""

    socket: Path
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the mesh is read, which address each workload has, and which proxies run, both by `NAME.NAMESPACE`.

    The mesh is in `directory` (a folder or file) and in `more` of them.
    """

    directory: Path
    placements: Mapping[str, str]
    proxies: Mapping[str, PlannedProxy]
    mesh_config: Path | None = None
    domain_suffix: str = "cluster.local"
    strict: bool = True
    certificate_lifetime: timedelta = WORKLOAD_LIFETIME
    more: tuple[Path, ...] = ()
    recursive: bool = False

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every file and folder that the mesh is read from."""
        return (self.directory, *self.more)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The plan in a file. Raises OSError if it cannot be read, ValueError if it is none of version 1.

        `certificate_lifetime` is seconds, and may be absent.
        """
        given = json.loads(path.read_text())
        if not isinstance(given, dict) or given.get("version") != 1:
            raise ValueError(f"{path} is no plan of version 1")
        try:
            return cls(
                directory=Path(given["directory"]),
                placements=given["placements"],
                proxies={k: PlannedProxy(Path(p["socket"]), p["metadata"]) for k, p in given["proxies"].items()},
                mesh_config=Path(given["mesh_config"]) if given["mesh_config"] else None,
                domain_suffix=given["domain_suffix"],
                strict=given["strict"],
                more=tuple(Path(path) for path in given.get("more", ())),
                recursive=given.get("recursive", False),
                certificate_lifetime=timedelta(
                    seconds=given.get("certificate_lifetime", WORKLOAD_LIFETIME.total_seconds())
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not complete: {error}") from error
