"""Gateways and the routers that serve them: selectors, ports, credentials, conflicts."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.lookup import show, title
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.gateway import Gateway
from lateen.model.gateway_ports import merge_servers
from lateen.model.mesh import Mesh
from lateen.model.workload import Workload

CODES = (
    codes.GATEWAY_SELECTS_NOTHING,
    codes.GATEWAY_CONFLICT,
    codes.GATEWAY_PORT_NOT_SERVED,
    codes.UNKNOWN_CREDENTIAL,
)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """What keeps a server of a Gateway from being reached."""
    served: dict[tuple[str, ...], list[Gateway]] = {}
    for gateway in mesh.gateways:
        routers = [w for w in mesh.workloads if gateway.selector.selects(w.labels)]
        if gateway.selector and not routers:
            origin = gateway.ref.at("spec.selector", key=True)
            yield codes.GATEWAY_SELECTS_NOTHING.at(origin, labels=show(gateway.selector))
        if gateway.selector and routers:
            served.setdefault(tuple(w.key for w in routers), []).append(gateway)
            yield from _unserved_ports(mesh, gateway, routers)
            yield from _credentials(mesh, gateway, routers)
    for gateways in served.values():
        yield from _conflicts(gateways)


def _unserved_ports(mesh: Mesh, gateway: Gateway, routers: list[Workload]) -> Iterator[Diagnostic]:
    in_front = [
        service
        for service in mesh.services
        if service.selector is not None
        and any(w.namespace == service.namespace and service.selector.selects(w.labels) for w in routers)
    ]
    ports = {port.number for service in in_front for port in service.ports}
    for server in gateway.servers:
        if in_front and server.port not in ports:
            origin = gateway.ref.at(server.path, "port", "number")
            yield codes.GATEWAY_PORT_NOT_SERVED.at(origin, labels=show(gateway.selector), port=server.port)


def _credentials(mesh: Mesh, gateway: Gateway, routers: list[Workload]) -> Iterator[Diagnostic]:
    known = {(secret.ref.namespace, secret.ref.name) for secret in mesh.secrets if secret.ref.kind == "Secret"}
    for server in gateway.servers:
        names = server.tls.credential_names if server.tls else ()
        for index, name in enumerate(names):
            missing = sorted({w.namespace for w in routers if (w.namespace, name) not in known})
            # a name with a scheme (`kubernetes-gateway://`, `sds://`) is looked up elsewhere
            if missing and "://" not in name:
                field = ("credentialNames", index) if len(names) > 1 else ("credentialName",)
                origin = gateway.ref.at(server.path, "tls", *field)
                yield codes.UNKNOWN_CREDENTIAL.at(origin, name=name, namespace=missing[0])


def _conflicts(gateways: list[Gateway]) -> Iterator[Diagnostic]:
    _, conflicts = merge_servers(gateways, lambda port: port)
    for conflict in conflicts:
        loser, winner = conflict.loser, conflict.winner
        yield codes.GATEWAY_CONFLICT.at(
            loser.gateway.ref.at(loser.server.path),
            related=(winner.gateway.ref.at(winner.server.path),),
            port=loser.port,
            reason=conflict.reason,
            winner=title(winner.gateway.ref),
        )
