"""What runs: the view of a started mesh that traffic, metrics and the live table work on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A started Envoy. `key` is `NAME.NAMESPACE` of its instance, `owner` the Deployment's name.

    `admin` and `metrics` are URLs without a trailing slash (`http://127.1.0.1:15000`,
    `http://127.1.0.1:15090/stats/prometheus`); `http_proxy` is the URL that applications use, empty for a router.
    `call_log` is the JSON-lines file of calls that carry `x-lateen-call`. `published` is where clients outside the mesh
    reach a router, if not at its `address`.
    """

    key: str
    owner: str
    kind: str
    address: str
    admin: str
    metrics: str
    call_log: Path
    http_proxy: str = ""
    published: str = ""

    @property
    def entrance(self) -> str:
        """The address that clients outside the mesh call."""
        return self.published or self.address


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A started application instance.

    `ports` are its container ports, on `address`; `proxied` says whether it has a sidecar. `http_proxy` is the way to
    call from where it is, empty if that is this machine.
    """

    key: str
    owner: str
    address: str
    ports: tuple[int, ...]
    proxied: bool
    http_proxy: str = ""


@dataclass(frozen=True, slots=True)
class RunningMesh:
    """Everything that `up` started."""

    directory: Path
    state: Path
    proxies: tuple[RunningProxy, ...]
    apps: tuple[RunningApp, ...]
