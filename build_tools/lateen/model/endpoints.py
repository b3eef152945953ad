"""Which addresses serve which ports of a service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address

from lateen.model.address import Address
from lateen.model.service import Endpoint, Resolution, Service, ServicePort
from lateen.model.workload import Workload

_DNS = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def derive_endpoints(
    services: Iterable[Service], workloads: Iterable[Workload], addresses: Iterable[Address]
) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    """The endpoints of every service: selected workloads that have an address, and addresses in files.

    Keyed by (hostname, namespace) of the service; sorted by port, then address.
    """
    placed: dict[str, list[Workload]] = defaultdict(list)
    by_address: dict[str, Workload] = {}
    by_name: dict[str, list[Workload]] = defaultdict(list)
    for workload in workloads:
        if workload.addresses:
            placed[workload.namespace].append(workload)
            for name in {workload.name, workload.owner}:
                by_name[f"{name}.{workload.namespace}"].append(workload)
        by_address |= dict.fromkeys(workload.addresses, workload)
    given: dict[tuple[str, str], list[Address]] = defaultdict(list)
    for address in addresses:
        given[address.hostname, address.namespace].append(address)
    result: dict[tuple[str, str], tuple[Endpoint, ...]] = {}
    for service in services:
        key = (service.hostname, service.namespace)
        found = [e for w in placed[service.namespace] for e in _of_workload(service, w)]
        for item in given[key]:
            found += _of_address(service, item, by_address, by_name)
        if found:
            result[key] = _sorted(found)
    return result


def _of_workload(service: Service, workload: Workload) -> Iterator[Endpoint]:
    if service.selector is None or not service.selector.selects(workload.labels):
        return
    for port in service.ports:
        number = target_port(service, port, workload)
        if number:
            # a workload has one address of each family; a service without dual stack uses the first
            yield _identified(workload, Endpoint(workload.addresses[0], number, port.number))


def target_port(service: Service, port: ServicePort, workload: Workload) -> int:
    """The workload's own port for a service port; 0 if it has none of that name."""
    if service.registry == "External":
        own = workload.named_ports.get(port.name) if workload.pod is None else None
        return own or (port.target if isinstance(port.target, int) else 0)
    if isinstance(port.target, int):
        return port.target
    return workload.named_ports.get(port.target, 0)


def _identified(workload: Workload, endpoint: Endpoint) -> Endpoint:
    """The endpoint with the identity of the workload behind it."""
    return replace(
        endpoint,
        workload=workload.owner,
        namespace=workload.namespace,
        service_account=workload.service_account,
        tls_mode=workload.tls_mode,
        locality=endpoint.locality or workload.locality,
        network=endpoint.network or workload.network,
        weight=endpoint.weight or workload.weight,
        health=endpoint.health if workload.ready else "UNHEALTHY",
        labels=workload.labels,
    )


def _of_address(
    service: Service, item: Address, by_address: dict[str, Workload], by_name: dict[str, list[Workload]]
) -> Iterator[Endpoint]:
    if service.resolution in _DNS:
        named = by_name.get(item.address) or by_name.get(f"{item.address}.{item.namespace}")
        if named:
            item = replace(item, tls_mode="")
            for workload in named:
                yield from _of_address(service, replace(item, address=workload.addresses[0]), by_address, {})
            return
    for port in service.ports:
        if item.listed_ports_only and port.name not in item.ports:
            continue
        if item.served_ports is not None and port.name not in item.served_ports:
            continue
        target = item.ports.get(port.name) or port.target
        if item.address.startswith("/"):
            target = 0
        endpoint = Endpoint(
            address=item.address,
            port=target if isinstance(target, int) else 0,
            service_port=port.number,
            namespace=item.namespace,
            service_account=item.service_account,
            tls_mode=item.tls_mode or "disabled",
            locality=item.locality,
            network=item.network,
            weight=item.weight,
            health=item.health,
            labels=item.labels,
        )
        behind = None if item.tls_mode else by_address.get(item.address)
        yield _identified(behind, endpoint) if behind else endpoint


def _sorted(endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """Each address once for each port; what a file says last of its health holds."""
    unique: dict[tuple[int, str, int], Endpoint] = {}
    for endpoint in endpoints:
        key = (endpoint.service_port, endpoint.address, endpoint.port)
        known = unique.get(key)
        unique[key] = replace(known, health=endpoint.health) if known else endpoint
    return tuple(sorted(unique.values(), key=_order))


def _order(endpoint: Endpoint) -> tuple[int, int, int, str, int]:
    try:
        ip = ip_address(endpoint.address)
    except ValueError:
        return (endpoint.service_port, 9, 0, endpoint.address, endpoint.port)
    return (endpoint.service_port, ip.version, int(ip), "", endpoint.port)
