"""What a pod template says of processes: the part of Kubernetes that a runtime honours."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.diagnostics import Origin
from lateen.model.injection import Redirection, SidecarSettings


@dataclass(frozen=True, slots=True)
class EnvVar:
    """An environment variable: a literal `value` (with `$(VAR)` references), or a reference.

    `field_ref` is a downward API path (`status.podIP`, `metadata.labels['app']`), `resource_ref` one of
    `resourceFieldRef` (`limits.cpu`); `config_map` and `secret` are (object name, key). An `optional` reference to
    nothing leaves the variable unset.
    """

    name: str
    value: str = ""
    field_ref: str = ""
    resource_ref: str = ""
    config_map: tuple[str, str] | None = None
    secret: tuple[str, str] | None = None
    optional: bool = False
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class EnvSource:
    """Every key of a ConfigMap or Secret (`kind`) as a variable, its name after `prefix`."""

    kind: str
    name: str
    prefix: str = ""
    optional: bool = False
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class HttpGet:
    """Succeeds when a GET is answered with 200 to 399. `host` empty: the pod's IP. `port` may be a port's name."""

    port: int | str
    path: str = "/"
    scheme: str = "HTTP"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """Succeeds when a connection is accepted."""

    port: int | str
    host: str = ""


@dataclass(frozen=True, slots=True)
class GrpcCheck:
    """Succeeds when the gRPC health service answers SERVING for `service` (empty: the server as a whole)."""

    port: int
    service: str = ""


@dataclass(frozen=True, slots=True)
class Exec:
    """Succeeds when the command, run inside of the container, exits with 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness, liveness or startup probe; times in seconds, defaults those of the kubelet."""

    check: HttpGet | TcpSocket | GrpcCheck | Exec
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class File:
    """A file of a volume: where it stands below the mount, and the key (or downward API path) that it holds."""

    path: str
    key: str
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class VolumeSource:
    """Files from one object. `kind` is ConfigMap, Secret or DownwardAPI; no `files`: one for each key."""

    kind: str
    name: str = ""
    files: tuple[File, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a pod. `kind` is its field in Kubernetes (`emptyDir`, `configMap`, `projected`, `hostPath` ...).

    `sources` are its files, for the kinds that have some; `in_memory` is an emptyDir of medium Memory. `mode` is for
    files that say none.
    """

    name: str
    kind: str
    sources: tuple[VolumeSource, ...] = ()
    in_memory: bool = False
    mode: int = 0o644
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a container sees a volume, or only `sub_path` of it."""

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class User:
    """Whose process it is: `runAsUser` and `runAsGroup`; None: what the image says."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container: what to run. `command` replaces the image's entry point, `args` its arguments.

    `sidecar` is an init container of restartPolicy Always: it is started in its turn and kept. `unsupported` are
    fields that only some runtimes honour, with their places (`resources`, `securityContext.readOnlyRootFilesystem`).
    """

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvSource, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()  # (name, containerPort)
    readiness: Probe | None = None
    liveness: Probe | None = None
    startup: Probe | None = None
    mounts: tuple[Mount, ...] = ()
    user: User = User()
    sidecar: bool = False
    unsupported: tuple[tuple[str, Origin], ...] = ()
    origin: Origin = field(default_factory=Origin, compare=False)

    @property
    def is_proxy(self) -> bool:
        """Whether Istio's injector would fill it in: a template's `istio-proxy`, or `image: auto`."""
        return self.name == "istio-proxy" or self.image == "auto"


@dataclass(frozen=True, slots=True)
class PodSpec:
    """A pod template. `init` are its init containers, in the order in which they run.

    `redirection` and `sidecar` are what its annotations ask of the sidecar beside it. `unsupported` names fields that
    no runtime here honours, with places; containers name their own.
    """

    containers: tuple[Container, ...] = ()
    init: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    termination_grace: float = 30.0
    redirection: Redirection = Redirection()
    sidecar: SidecarSettings = SidecarSettings()
    unsupported: tuple[tuple[str, Origin], ...] = ()
    origin: Origin = field(default_factory=Origin, compare=False)

    @property
    def serving(self) -> tuple[Container, ...]:
        """What runs as long as the pod does: its init containers that are sidecars, and its containers."""
        return (*(c for c in self.init if c.sidecar), *self.containers)
