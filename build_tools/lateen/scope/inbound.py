"""What a sidecar accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lateen.model.endpoints import target_port
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.model.service import Protocol, Service, ServicePort
from lateen.model.sidecar import IngressListener, Sidecar
from lateen.model.workload import Workload
from lateen.scope.peer_authentication import MtlsPolicy, mtls_policy
from lateen.scope.sidecars import effective_sidecar
from lateen.scope.views import InboundPort, InboundView

Target = tuple[Service, ServicePort, int]
"""A port of a service, and the workload's own port behind it."""


def inbound_view(mesh: Mesh, proxy: Proxy) -> InboundView:
    """The ports that a workload serves: those of its Sidecar's ingress listeners, else those of its services.

    With interception NONE listeners bind the proxy's own address; services' ports are then served only where the
    application's address is known (`LATEEN_APP_ADDRESS`), since Istio's own NONE has no inbound without ingress
    listeners.
    """
    policy = mtls_policy(mesh, proxy.namespace, proxy.labels)
    sidecar = effective_sidecar(mesh, proxy.namespace, proxy.labels)
    targets = tuple(service_targets(mesh, proxy))
    if sidecar and sidecar.ingress:
        ports = tuple(_ingress_port(listener, sidecar, targets, proxy, policy) for listener in sidecar.ingress)
    elif proxy.interception != "NONE" or app_address(proxy):
        ports = tuple(_service_ports(targets, proxy, policy))
    else:
        ports = ()
    served = {port.port for port in ports}
    return InboundView(
        ports=ports,
        passthrough=policy.mode,
        passthrough_ports=tuple((port, mode) for port, mode in policy.ports if port not in served),
        peer_authentication=policy.ref,
    )


def app_address(proxy: Proxy) -> str:
    """Where the application listens when it is not the proxy's own address; else empty."""
    return str(proxy.metadata.get("LATEEN_APP_ADDRESS", ""))


def service_targets(mesh: Mesh, proxy: Proxy) -> Iterator[Target]:
    """Every port of every service that this workload stands behind, oldest service first."""
    workload = _workload(mesh, proxy)
    for service in mesh.services:
        if service.namespace != proxy.namespace:
            continue
        if service.selector is not None and service.selector.selects(workload.labels):
            targets = {p.number: target_port(service, p, workload) for p in service.ports}
        else:
            targets = _known_targets(mesh, service, proxy)
        for port in service.ports:
            if targets.get(port.number) and port.protocol is not Protocol.UDP:
                yield service, port, targets[port.number]


def _known_targets(mesh: Mesh, service: Service, proxy: Proxy) -> dict[int, int]:
    """The ports of a service that does not select the proxy by labels, but has its address as an endpoint."""
    endpoints = mesh.endpoints.get((service.hostname, service.namespace), ())
    return {e.service_port: e.port for e in endpoints if e.address in proxy.addresses}


def _workload(mesh: Mesh, proxy: Proxy) -> Workload:
    """The mesh's workload of that name, address or labels, which knows named ports; its labels are the proxy's.

    A proxy that is like none of them is a workload of its own. What Istio's agent says of the pod (`POD_PORTS`) stands
    over what a workload that is merely alike says.
    """
    labels = dict(proxy.labels)
    known = mesh.workload(f"{proxy.name}.{proxy.namespace}")
    if known and known.labels == labels:
        return known
    neighbours = [w for w in mesh.workloads if w.namespace == proxy.namespace and _agree(w.labels, labels)]
    here = [w for w in neighbours if not set(w.addresses).isdisjoint(proxy.addresses)]
    alike = [w for w in neighbours if w.labels == labels] or [w for w in neighbours if w.labels and labels]
    ref = Ref("Proxy", proxy.namespace, proxy.name)
    found = next(iter([*here, *alike]), Workload(proxy.name, proxy.namespace, proxy.owner, ref))
    return replace(found, labels=labels, named_ports={**found.named_ports, **_pod_ports(proxy)})


def _pod_ports(proxy: Proxy) -> dict[str, int]:
    """The named container ports in the node metadata `POD_PORTS`: a JSON list, or a list; empty if it is neither."""
    given = proxy.metadata.get("POD_PORTS", ())
    with suppress(ValueError):
        given = json.loads(given) if isinstance(given, str) else given
    ports = [port for port in given if isinstance(port, Mapping)] if isinstance(given, Sequence) else []
    return {str(p["name"]): p["containerPort"] for p in ports if p.get("name") and type(p.get("containerPort")) is int}


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether one set of labels is a part of the other."""
    return one.items() <= other.items() or other.items() <= one.items()


def _service_ports(targets: tuple[Target, ...], proxy: Proxy, policy: MtlsPolicy) -> Iterator[InboundPort]:
    by_port: dict[int, list[Target]] = {}
    for target in targets:
        by_port.setdefault(target[2], []).append(target)
    none = proxy.interception == "NONE"
    for number, sharing in by_port.items():
        service, port, _ = sharing[0]
        yield InboundPort(
            port=number,
            protocol=port.protocol,
            mtls=policy.of(number),
            service=service,
            service_port=port,
            services=tuple(dict.fromkeys(service for service, _, _ in sharing)),
            bind=proxy.address if none else "",
            endpoint=f"{app_address(proxy)}:{number}" if none else "",
            name=port.name,
            ref=service.ref,
        )


def _ingress_port(
    listener: IngressListener, sidecar: Sidecar, targets: tuple[Target, ...], proxy: Proxy, policy: MtlsPolicy
) -> InboundPort:
    mine = [target for target in targets if target[2] == listener.port]
    captured = proxy.interception != "NONE" and listener.capture_mode != "NONE"
    return InboundPort(
        port=listener.port,
        protocol=listener.protocol,
        mtls=policy.of(listener.port),
        service=mine[0][0] if mine else None,
        service_port=mine[0][1] if mine else None,
        services=tuple(dict.fromkeys(service for service, _, _ in mine)),
        bind="" if captured else listener.bind or proxy.address,
        endpoint=_ingress_endpoint(listener, proxy),
        name=listener.port_name,
        ref=sidecar.ref,
    )


def _ingress_endpoint(listener: IngressListener, proxy: Proxy) -> str:
    """Where an ingress listener leads: `0.0.0.0:PORT` is the workload's own address, loopback the application's."""
    endpoint = listener.default_endpoint
    if endpoint.startswith("unix://"):
        return endpoint
    none = proxy.interception == "NONE"
    address, _, port = endpoint.rpartition(":")
    if not endpoint:
        return f"{app_address(proxy) or '127.0.0.1'}:{listener.port}" if none else ""
    if none and app_address(proxy):
        return f"{app_address(proxy)}:{port}"
    return f"{proxy.address}:{port}" if address in ("0.0.0.0", "[::]") else endpoint  # noqa: S104
