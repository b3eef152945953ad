"""What builders need to know of the mesh beside their own document."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.model.hosts import resolve
from lateen.model.mesh_config import MeshConfig
from lateen.model.routing import MESH_GATEWAY
from lateen.modules import Locked


@dataclass(frozen=True, slots=True)
class Context:
    """Settings that give documents their meaning.

    `uninjected` are the namespaces that opted out of injection, `modules` what was fetched.
    """

    config: MeshConfig = MeshConfig()
    domain_suffix: str = "cluster.local"
    uninjected: frozenset[str] = frozenset()
    modules: Locked = field(default_factory=Locked)

    def host(self, name: str, namespace: str) -> str:
        """The full name of a host that a resource in `namespace` names."""
        return resolve(name, namespace, self.domain_suffix)


def visibility(names: tuple[str, ...], default: frozenset[str], namespace: str) -> frozenset[str]:
    """An `exportTo` list as namespaces and `*`: `.` is the own namespace, `~` nobody, an empty list the default."""
    chosen = frozenset(names) or default
    return frozenset(namespace if name == "." else name for name in chosen if name != "~")


def visible(export_to: frozenset[str], namespace: str) -> bool:
    """Whether something exported to these namespaces can be used from `namespace`."""
    return "*" in export_to or namespace in export_to


def gateway_key(name: str, namespace: str) -> str:
    """`mesh` or `namespace/name` of a gateway that a route names (`gw`, `ns/gw`, `./gw`, `gw.ns.svc.suffix`)."""
    if name == MESH_GATEWAY:
        return name
    if "/" in name:
        owner, _, short = name.partition("/")
        return f"{namespace if owner == '.' else owner}/{short}"
    parts = name.split(".")
    return f"{parts[1]}/{parts[0]}" if len(parts) > 1 else f"{namespace}/{name}"
