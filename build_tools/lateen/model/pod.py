"""What a pod template says of processes: the part of Kubernetes that a runtime honours."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.diagnostics import Origin


@dataclass(frozen=True, slots=True)
class EnvVar:
    """An environment variable: a literal `value` (with `$(VAR)` references), or a reference.

    `field_ref` is a downward API path (`status.podIP`, `metadata.labels['app']`); `config_map` and `secret`
    are (object name, key). An `optional` reference to nothing leaves the variable unset.
    """

    name: str
    value: str = ""
    field_ref: str = ""
    config_map: tuple[str, str] | None = None
    secret: tuple[str, str] | None = None
    optional: bool = False
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness probe: `http` path or, when empty, a TCP connect, on `port` (number or container port name)."""

    port: int | str
    http: str = ""
    scheme: str = "HTTP"
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Container:
    """One container: what to run. `command` replaces the image's entry point, `args` its arguments."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()  # (name, containerPort)
    readiness: Probe | None = None
    origin: Origin = field(default_factory=Origin, compare=False)


@dataclass(frozen=True, slots=True)
class PodSpec:
    """The containers of a pod template. `unsupported` names fields that no runtime here honours, with places."""

    containers: tuple[Container, ...] = ()
    unsupported: tuple[tuple[str, Origin], ...] = ()
    origin: Origin = field(default_factory=Origin, compare=False)
