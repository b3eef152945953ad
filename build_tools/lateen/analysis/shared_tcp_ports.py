"""TCP services that share a port without an address of their own."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.context import visible
from lateen.model.mesh import Mesh
from lateen.model.service import Protocol, Resolution, Service

CODES = (codes.SHARED_TCP_PORT,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each TCP port of a service without address that another such service, which some client sees too, also has.

    TLS ports are told apart by SNI, headless services by the addresses of their endpoints.
    """
    holders: dict[int, list[Service]] = {}
    for service in mesh.services:
        if service.addresses or service.headless or service.resolution is Resolution.ALIAS:
            continue
        for index, port in enumerate(service.ports):
            if not port.protocol.is_tcp or port.protocol.is_tls or port.protocol is Protocol.UDP:
                continue
            rivals = holders.setdefault(port.number, [])
            rival = next((other for other in rivals if _meet(other, service)), None)
            rivals.append(service)
            if rival:
                origin = service.ref.at("spec.ports", index)
                yield codes.SHARED_TCP_PORT.at(
                    origin,
                    related=(rival.ref.origin,),
                    hint="give one of them another port, or both an address (clusterIP)",
                    host=service.hostname,
                    other=rival.hostname,
                    port=port.number,
                )


def _meet(one: Service, other: Service) -> bool:
    """Whether some namespace sees both."""
    if "*" in one.export_to or "*" in other.export_to:
        return True
    return any(visible(other.export_to, namespace) for namespace in one.export_to)
