"""ServiceEntry and WorkloadEntry: services and workloads that Kubernetes does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.address import Address
from lateen.model.checks import optional_port, port_number, valid_host, valid_name
from lateen.model.context import Context, visibility
from lateen.model.fields import Fields
from lateen.model.from_annotations import proxy_config
from lateen.model.from_workload import TLS_MODE
from lateen.model.identity import Selector
from lateen.model.protocols import declared_protocol
from lateen.model.service import Resolution, Service, ServicePort
from lateen.model.workload import Workload

_RESOLUTIONS = {"": Resolution.PASSTHROUGH, "NONE": Resolution.PASSTHROUGH}


def service_entries(body: Fields, context: Context) -> Iterator[Service | Address]:
    """One service for each host, and the addresses behind it."""
    spec = body.section("spec")
    resource = body.resource
    names = [host for i, text in enumerate(spec.texts("hosts")) if (host := _host(spec, text, i))]
    if not spec.wrote("hosts"):
        spec.report(codes.MISSING, problem="a ServiceEntry needs hosts")
    resolution_name = spec.text("resolution", "NONE")
    resolution = _RESOLUTIONS.get(resolution_name) or Resolution(resolution_name)
    ports = _ports(spec)
    selector = spec.section("workloadSelector")
    endpoints = spec.sections("endpoints")
    _check(spec, names, resolution_name)
    export_to = visibility(spec.texts("exportTo"), context.config.default_service_export_to, resource.namespace)
    addresses = tuple(a for i, a in enumerate(spec.texts("addresses")) if _address(spec, a, i))
    external = spec.text("location", "MESH_EXTERNAL") == "MESH_EXTERNAL"
    alternatives = spec.texts("subjectAltNames")
    for host in dict.fromkeys(names):
        yield Service(
            hostname=host,
            ref=body.ref,
            ports=ports,
            addresses=addresses,
            resolution=resolution,
            mesh_external=external,
            registry="External",
            export_to=export_to,
            selector=Selector(selector.pairs("labels")) if selector else None,
            subject_alt_names=alternatives,
            labels=dict(resource.labels),
            created=resource.created,
        )
        served = frozenset(port.name for port in ports)
        addresses_behind = [_endpoint(section, host, resource.labels, served) for section in endpoints]
        if resolution not in (Resolution.PASSTHROUGH, Resolution.DYNAMIC_DNS):
            yield from addresses_behind
        if resolution in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN) and not endpoints and not selector:
            yield Address(host, resource.namespace, host, served_ports=served)


def _host(spec: Fields, text: str, index: int) -> str:
    if text == "*":
        spec.report(codes.INVALID_HOST, "hosts", index, problem="the host * alone is not allowed")
        return ""
    return text if hosts.is_address(text) else valid_host(spec, text, "hosts", index)


def _address(spec: Fields, text: str, index: int) -> bool:
    valid = hosts.is_network(text)
    if not valid:
        problem = f"{text!r} is not an address or CIDR block"
        spec.report(codes.INVALID_ADDRESS, "addresses", index, problem=problem)
    return valid


def _ports(spec: Fields) -> tuple[ServicePort, ...]:
    ports: dict[int, ServicePort] = {}
    names: set[str] = set()
    for section in spec.sections("ports"):
        number = port_number(section)
        name = valid_name(section, "name", "port name")
        if number in ports:
            section.report(codes.DUPLICATE, "number", problem=f"port {number} is given twice")
        if name in names:
            section.report(codes.DUPLICATE, "name", problem=f"port name {name!r} is given twice")
        names.add(name)
        protocol = declared_protocol(section.text("protocol"), number)
        ports.setdefault(number, ServicePort(name, number, protocol, optional_port(section, "targetPort")))
    return tuple(port for number, port in ports.items() if number)


def _check(spec: Fields, names: list[str], resolution: str) -> None:
    endpoints, selector = spec.sections("endpoints"), spec.section("workloadSelector")
    if endpoints and selector:
        spec.report(codes.CONTRADICTION, "endpoints", key=True, problem="endpoints excludes workloadSelector")
    wildcard = any(hosts.is_wildcard(name) for name in names)
    if resolution == "NONE" and endpoints:
        spec.report(codes.CONTRADICTION, "endpoints", key=True, problem="resolution NONE takes no endpoints")
    if resolution in ("DNS", "DNS_ROUND_ROBIN") and wildcard and not endpoints:
        spec.report(codes.INVALID_HOST, "hosts", problem=f"a wildcard host cannot be resolved by {resolution}")
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        problem = "DNS_ROUND_ROBIN takes one endpoint at most"
        spec.report(codes.CONTRADICTION, "endpoints", key=True, problem=problem)
    if resolution == "DYNAMIC_DNS" and not all(hosts.is_wildcard(name) for name in names):
        spec.report(codes.INVALID_HOST, "hosts", problem="DYNAMIC_DNS is for wildcard hosts only")
    if any("/" in address for address in spec.texts("addresses")) and resolution != "NONE":
        problem = "CIDR addresses need resolution NONE"
        spec.report(codes.CONTRADICTION, "addresses", key=True, problem=problem)
    if resolution == "STATIC":
        for section in endpoints:
            address = section.text("address")
            if not hosts.is_address(address) and not address.startswith("unix://"):
                problem = f"{address!r} is not an address, which resolution STATIC needs"
                section.report(codes.INVALID_ADDRESS, "address", problem=problem)


def _endpoint(section: Fields, host: str, labels: dict[str, str], served: frozenset[str]) -> Address:
    entry, namespace = _entry(section), section.resource.namespace
    return replace(entry, hostname=host, namespace=namespace, labels={**labels, **entry.labels}, served_ports=served)


def _entry(section: Fields) -> Address:
    """The fields that endpoints of a ServiceEntry and WorkloadEntries share."""
    ports = {name: int(number) for name, number in section.mapping("ports").items()}
    for name, number in ports.items():
        if not 1 <= number <= 65535:
            section.report(codes.INVALID_PORT, "ports", name, problem=f"{number} is not a port (1 to 65535)")
    address, network = section.text("address"), section.text("network")
    if not address and not network:
        section.report(codes.MISSING, problem="an endpoint needs an address")
    labels, account = section.labels("labels"), section.text("serviceAccount")
    return Address(
        hostname="",
        namespace="",
        address=address.removeprefix("unix://"),
        ports=ports,
        labels=labels,
        service_account=account,
        tls_mode=labels.get(TLS_MODE) or ("istio" if account else "disabled"),
        locality=section.text("locality"),
        network=network,
        weight=section.integer("weight") or 0,
    )


def workload_entries(body: Fields, _context: Context) -> Iterator[Workload]:
    """The workload of one WorkloadEntry: something that already runs at its address."""
    resource = body.resource
    entry = _entry(body.section("spec"))
    labels = {**resource.labels, **entry.labels}
    tls_mode = labels.get(TLS_MODE) or entry.tls_mode
    yield Workload(
        name=resource.name,
        namespace=resource.namespace,
        owner=resource.name,
        ref=body.ref,
        service_account=entry.service_account or "default",
        addresses=(entry.address,) if entry.address else (),
        injected=tls_mode == "istio",
        tls_mode=tls_mode,
        locality=entry.locality,
        network=entry.network,
        weight=entry.weight,
        labels=labels,
        annotations=dict(resource.annotations),
        named_ports=entry.ports,
        proxy_config=proxy_config(body.section("metadata")),
    )
