"""Gateways: which ports a router serves, for which hosts, with which TLS."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.identity import Ref, Selector


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS of a server. `mode` PASSTHROUGH, SIMPLE, MUTUAL, OPTIONAL_MUTUAL, AUTO_PASSTHROUGH or ISTIO_MUTUAL."""

    mode: str = ""
    https_redirect: bool = False
    credential_names: tuple[str, ...] = ()
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    subject_alt_names: tuple[str, ...] = ()
    min_version: str = ""
    max_version: str = ""
    cipher_suites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a gateway. `hosts` keep their `namespace/` part: (namespace or `*` or `.`, host)."""

    port: int
    port_name: str
    protocol: str  # HTTP, HTTPS, HTTP2, GRPC, TLS, TCP, MONGO
    hosts: tuple[tuple[str, str], ...]
    tls: ServerTls | None = None
    bind: str = ""
    name: str = ""
    path: str = ""  # field path in the source (`spec.servers[0]`), for origins


@dataclass(frozen=True, slots=True)
class Gateway:
    """Servers for the routers that `selector` selects (in every namespace, as Istio's default is)."""

    ref: Ref
    selector: Selector
    servers: tuple[Server, ...]
    created: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`, as routes name it."""
        return f"{self.ref.namespace}/{self.ref.name}"
