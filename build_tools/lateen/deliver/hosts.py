"""The names that a workload knows, as a hosts file: what cluster DNS would answer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lateen.model.hosts import is_address, is_wildcard
from lateen.model.mesh import Mesh
from lateen.model.service import Service
from lateen.model.workload import Workload

_LOCAL = "127.0.0.1 localhost\n::1 localhost\n"


def hosts_text(mesh: Mesh, workload: Workload, *, redirected: bool) -> str:
    """Every service of a placed mesh by its names, as they resolve in the workload's namespace.

    A redirected workload is sent to virtual addresses, which its sidecar knows; another one to the endpoints. So is
    everybody for a headless service, whose instances have names of their own besides.
    """
    lines = [f"{address} {workload.name}\n" for address in workload.addresses]
    by_host = {service.hostname: service for service in reversed(mesh.services)}
    for service in mesh.services:
        if is_wildcard(service.hostname):
            continue
        target = by_host.get(service.alias_of, service) if service.alias_of else service
        names = " ".join(_names(service, workload.namespace))
        lines += [f"{address} {names}\n" for address in _addresses(mesh, target, redirected=redirected)]
        if service.headless:
            lines += _instances(mesh, service, workload.namespace)
    return _LOCAL + "".join(dict.fromkeys(lines))


def hosts_files(mesh: Mesh, wanted: Mapping[str, tuple[Path, bool]]) -> dict[Path, str]:
    """The texts of hosts files, for (path, redirected) by the workload's key."""
    workloads = {workload.key: workload for workload in mesh.workloads}
    return {
        path: hosts_text(mesh, workloads[key], redirected=redirected)
        for key, (path, redirected) in wanted.items()
        if key in workloads
    }


def write_hosts(path: Path, text: str) -> None:
    """Replace what is in the file without replacing the file, which containers have mounted."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(text.encode())
        file.truncate()


def _names(service: Service, namespace: str) -> list[str]:
    """From the shortest on; a Kubernetes name without its namespace is known in that namespace alone."""
    if service.registry != "Kubernetes":
        return [service.hostname]
    qualified = f"{service.name}.{service.namespace}"
    own = [service.name] if service.namespace == namespace else []
    return [*own, *dict.fromkeys((qualified, f"{qualified}.svc", service.hostname))]


def _addresses(mesh: Mesh, service: Service, *, redirected: bool) -> Iterator[str]:
    if redirected and not service.headless:
        yield from (address for address in service.addresses if is_address(address))
        return
    endpoints = mesh.endpoints.get((service.hostname, service.namespace), ())
    yield from dict.fromkeys(endpoint.address for endpoint in endpoints if is_address(endpoint.address))


def _instances(mesh: Mesh, service: Service, namespace: str) -> Iterator[str]:
    """`NAME-0.SERVICE` and so on, as for the pods of a StatefulSet."""
    for workload in mesh.workloads:
        selected = service.selector is not None and service.selector.selects(workload.labels)
        if selected and workload.namespace == service.namespace and workload.addresses:
            names = " ".join(f"{workload.name}.{name}" for name in _names(service, namespace))
            yield f"{workload.addresses[0]} {names}\n"
