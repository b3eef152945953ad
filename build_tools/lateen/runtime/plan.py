"""What a run consists of, decided before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from lateen.diagnostics import Origin
from lateen.identity.ca import WORKLOAD_LIFETIME
from lateen.model.mesh import Mesh
from lateen.model.pod import Mount, Probe, User
from lateen.model.proxy import Proxy
from lateen.model.workload import Workload


class Phase(Enum):
    """When a container of a pod runs."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class Application:
    """A container to run. `address` is its pod's IP, `ports` its container ports; `environment` may hold secrets.

    A `phase` other than MAIN is that of an init container: one runs to its end before what follows it in the pod, a
    sidecar is started in its turn and kept. `grace` is how many seconds it has to end after SIGTERM.

    `argv` is what a process executes, in `directory`. A container executes it with `args` in `working_dir`; what is
    empty is left to its image, for which an application may be in `directory`. `mounts` and `user` are its alone.
    """

    workload: Workload
    container: str
    argv: tuple[str, ...]
    environment: dict[str, str] = field(repr=False, hash=False)
    directory: Path
    address: str
    ports: tuple[int, ...]
    readiness: Probe | None = None
    liveness: Probe | None = None
    startup: Probe | None = None
    phase: Phase = Phase.MAIN
    grace: float = 30.0
    origin: Origin = field(default_factory=Origin, compare=False)
    image: str = ""
    args: tuple[str, ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    user: User = User()

    @property
    def name(self) -> str:
        """What logs and messages call it: `web-0.default.app`."""
        return f"{self.workload.key}.{self.container}"

    @property
    def wanted(self) -> tuple[str, Path]:
        """The image that a container is started from, and the folder of who says so."""
        return self.image, self.directory


@dataclass(frozen=True, slots=True)
class PlannedProxy:
    """An Envoy to run: the proxy with the metadata of this run, and the socket of its control plane.

    `shared`: the Envoy is another user's process, which reaches the socket through a folder that is mounted.
    """

    proxy: Proxy
    workload: Workload
    socket: Path
    shared: bool = False

    @property
    def key(self) -> str:
        """`NAME.NAMESPACE`."""
        return self.workload.key

    @property
    def name(self) -> str:
        """What logs and messages call it: `web-0.default.envoy`."""
        return f"{self.key}.envoy"


@dataclass(frozen=True, slots=True)
class Settings:
    """How the mesh is read, and how long its workload certificates live (seconds); the control plane is told both.

    The mesh is in `directory` (a folder or file) and in `more` of them, with `recursive` in their subfolders too.
    `cache` has the modules of extensions (None: the user's own cache).
    """

    directory: Path
    mesh_config: Path | None = None
    domain_suffix: str = "cluster.local"
    strict: bool = True
    certificate_lifetime: float = WORKLOAD_LIFETIME.total_seconds()
    more: tuple[Path, ...] = ()
    recursive: bool = False
    cache: Path | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every file and folder that the mesh is read from."""
        return (self.directory, *self.more)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run starts. `mesh` is placed: its instances have the addresses of `placements`.

    `hosts` has the hosts file of each workload that gets one, and whether what it sends is redirected; services then
    have virtual addresses.
    """

    settings: Settings
    mesh: Mesh
    placements: Mapping[str, str | tuple[str, ...]]
    proxies: tuple[PlannedProxy, ...]
    applications: tuple[Application, ...]
    hosts: Mapping[str, tuple[Path, bool]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """What the control plane reads as `plan.json`."""
        settings = self.settings
        return {
            "version": 1,
            "directory": str(settings.directory),
            "more": [str(path) for path in settings.more],
            "recursive": settings.recursive,
            "cache": str(settings.cache) if settings.cache else None,
            "mesh_config": str(settings.mesh_config) if settings.mesh_config else None,
            "domain_suffix": settings.domain_suffix,
            "strict": settings.strict,
            "certificate_lifetime": settings.certificate_lifetime,
            "placements": dict(self.placements),
            "proxies": {
                planned.key: {
                    "socket": str(planned.socket),
                    "shared": planned.shared,
                    "metadata": dict(planned.proxy.metadata),
                }
                for planned in self.proxies
            },
            "hosts": {key: [str(path), redirected] for key, (path, redirected) in self.hosts.items()},
        }


def instances(mesh: Mesh) -> tuple[Workload, ...]:
    """The workloads that a runtime starts, by namespace and name: those of pods that have no address yet."""
    found = (w for w in mesh.workloads if w.pod is not None and not w.addresses)
    return tuple(sorted(found, key=lambda w: (w.namespace, w.name)))


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An address and port that must be free, and who needs it."""

    address: str
    port: int
    needed_by: str
    origin: Origin = field(default_factory=Origin, compare=False)
