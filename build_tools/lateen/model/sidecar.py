"""Sidecar resources: what a workload's proxy sees, and what it serves without interception."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.identity import Ref, Selector
from lateen.model.service import Protocol
from lateen.model.traffic_policy import ConnectionPool


@dataclass(frozen=True, slots=True)
class EgressListener:
    """Visible hosts as (namespace or `*` `.` `~`, host), optionally on a listener of its own (`port` 0: none)."""

    hosts: tuple[tuple[str, str], ...]
    port: int = 0
    port_name: str = ""
    protocol: Protocol = Protocol.HTTP
    bind: str = ""
    capture_mode: str = "DEFAULT"


@dataclass(frozen=True, slots=True)
class IngressListener:
    """An inbound port with the application's endpoint (`127.0.0.1:8080`, `0.0.0.0:8080`, `unix:///path`, or empty)."""

    port: int
    port_name: str
    protocol: Protocol
    bind: str = ""
    default_endpoint: str = ""
    capture_mode: str = "DEFAULT"
    connection_pool: ConnectionPool | None = None


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The Sidecar of workloads (with selector), of a namespace, or (in the root namespace) of the mesh."""

    ref: Ref
    egress: tuple[EgressListener, ...] = ()
    ingress: tuple[IngressListener, ...] = ()
    outbound_mode: str = ""  # ALLOW_ANY, REGISTRY_ONLY, or empty: the mesh's
    selector: Selector = Selector()
    created: str = ""
