"""What the control plane of a run is told: `plan.json` in the run's state directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from lateen.identity.ca import WORKLOAD_LIFETIME


@dataclass(frozen=True, slots=True)
class PlannedProxy:
    """A proxy that runs: the Unix socket that it asks, and node metadata of this run on top of the mesh's own.

    `shared`: whoever reaches the socket may use it; else its owner alone.
    """

    socket: Path
    metadata: Mapping[str, Any]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How the mesh is read, which addresses each workload has, and which proxies run, both by `NAME.NAMESPACE`.

    The mesh is in `directory` (a folder or file) and in `more` of them. `hosts` are hosts files to keep, with whether
    that workload is redirected; services then have virtual addresses. `cache` has the modules of extensions (None: the
    user's own cache).
    """

    directory: Path
    placements: Mapping[str, str | Sequence[str]]
    proxies: Mapping[str, PlannedProxy]
    hosts: Mapping[str, tuple[Path, bool]] = field(default_factory=dict)
    mesh_config: Path | None = None
    domain_suffix: str = "cluster.local"
    strict: bool = True
    certificate_lifetime: timedelta = WORKLOAD_LIFETIME
    more: tuple[Path, ...] = ()
    recursive: bool = False
    cache: Path | None = None

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
                proxies={
                    key: PlannedProxy(Path(proxy["socket"]), proxy["metadata"], proxy.get("shared", False))
                    for key, proxy in given["proxies"].items()
                },
                hosts={key: (Path(path), redirected) for key, (path, redirected) in given.get("hosts", {}).items()},
                mesh_config=Path(given["mesh_config"]) if given["mesh_config"] else None,
                domain_suffix=given["domain_suffix"],
                strict=given["strict"],
                more=tuple(Path(path) for path in given.get("more", ())),
                recursive=given.get("recursive", False),
                cache=Path(given["cache"]) if given.get("cache") else None,
                certificate_lifetime=timedelta(
                    seconds=given.get("certificate_lifetime", WORKLOAD_LIFETIME.total_seconds())
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not complete: {error}") from error
