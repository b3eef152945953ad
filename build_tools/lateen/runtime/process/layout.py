"""From a mesh to a plan of processes: who gets which address, environment and metadata."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import runtime as codes
from lateen.model.from_annotations import PROXY_CONFIG, TRAFFIC
from lateen.model.mesh import Mesh
from lateen.model.pod import Container, PodSpec
from lateen.model.proxy import Proxy
from lateen.model.service import Protocol, Service, ServicePort
from lateen.model.workload import Workload
from lateen.runtime.environment import Environment, Objects, expand, service_variables
from lateen.runtime.plan import Application, Phase, Plan, PlannedProxy, Settings, instances
from lateen.runtime.process.addresses import INSTANCES, TCP_INSTANCES, TCP_SERVICES, Block
from lateen.runtime.state import RunFiles

HTTP_PROXY_PORT = 15002
"""Where sidecars take HTTP from applications, unless MeshConfig's `proxyHttpPort` says otherwise."""

_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "TMPDIR", "TZ", "USER")
"""What an application sees of this process's own environment, PATH aside: where it is, never who it may be."""

_INTERPRETERS = ("python", "python3")


def lay_out(
    mesh: Mesh, settings: Settings, block: Block, files: RunFiles, call_log_headers: Sequence[str] = ()
) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Number the instances of `mesh`, place them, and say what runs with which environment and metadata.

    A plan is usable if no finding is an error. `call_log_headers` are request headers that call logs record.
    """
    numbered = {workload.key: (number, workload) for number, workload in enumerate(instances(mesh), 1)}
    services = _tcp_services(mesh)
    findings = list(_limits(settings, len(numbered), len(services)))
    if findings:
        return Plan(settings, mesh, {}, (), ()), tuple(findings)
    routers = {_key(proxy) for proxy in mesh.proxies() if proxy.kind == "router"}
    layout = _Layout(block, files, routers, services, mesh, Objects.of(mesh.secrets))
    placements = {key: layout.placement(number, workload) for key, (number, workload) in numbered.items()}
    placed = mesh.placed(placements)
    proxies = tuple(
        layout.proxy(*numbered[_key(proxy)], proxy, tuple(call_log_headers))
        for proxy in placed.proxies()
        if _key(proxy) in numbered
    )
    applications = [app for number, workload in numbered.values() for app in layout.applications(number, workload)]
    once = tuple(dict.fromkeys(layout.findings))  # replicas share them
    return Plan(settings, placed, placements, proxies, tuple(applications)), once


def _key(proxy: Proxy) -> str:
    return f"{proxy.name}.{proxy.namespace}"


def _tcp_services(mesh: Mesh) -> tuple[Service, ...]:
    """Services that need an address of their own in every sidecar, in a defined order."""
    found = (s for s in mesh.services if not s.headless and any(_own_listener(p) for p in s.ports))
    return tuple(sorted(found, key=lambda s: (s.hostname, s.namespace)))


def _own_listener(port: ServicePort) -> bool:
    """Whether a connection to the port must be told from others by its address: TCP, or a port that says nothing."""
    return port.protocol.is_tcp or port.protocol is Protocol.AUTO


def _limits(settings: Settings, workloads: int, tcp_services: int) -> Iterator[Diagnostic]:
    origin = Origin(str(settings.directory))
    if not workloads:
        yield codes.NOTHING_TO_RUN.at(origin, hint=codes.NOTHING_TO_RUN.fix, directory=settings.directory)
    limit = TCP_INSTANCES if tcp_services else INSTANCES
    if workloads > limit:
        yield codes.TOO_MANY.at(origin, count=workloads, what="workload instances", limit=limit)
    if tcp_services > TCP_SERVICES:
        yield codes.TOO_MANY.at(origin, count=tcp_services, what="TCP services", limit=TCP_SERVICES)


def on_this_machine(command: Sequence[str]) -> tuple[str, ...]:
    """A command of a container as it is run here: `python3` is the interpreter that runs lateen."""
    return (sys.executable, *command[1:]) if command and command[0] in _INTERPRETERS else tuple(command)


def _unhonoured(workload: Workload, pod: PodSpec) -> Iterator[Diagnostic]:
    """What a process of this machine cannot give: files at a path of its own, another user, redirected traffic."""
    wanted = [(f"volume {volume.name}", volume.origin) for volume in pod.volumes]
    wanted += pod.unsupported
    for container in (*pod.init, *pod.containers):
        if not container.is_proxy:
            wanted += container.unsupported
            if container.user.uid not in (None, os.getuid()):
                wanted.append((f"runAsUser {container.user.uid} of container {container.name}", container.origin))
    origin = workload.ref.origin
    wanted += [(name, origin) for name in workload.annotations if name.startswith(TRAFFIC)]
    wanted += [(f"{name} of {PROXY_CONFIG}", origin) for name in ("concurrency",) if name in workload.proxy_config]
    for name, place in wanted:
        yield codes.NOT_HONOURED.at(place, field=name, workload=workload.owner, runtime="process")


@dataclass(frozen=True, slots=True)
class _Layout:
    block: Block
    files: RunFiles
    routers: set[str]
    services: tuple[Service, ...]
    mesh: Mesh
    objects: Objects
    findings: list[Diagnostic] = field(default_factory=list)

    def _proxied(self, workload: Workload) -> bool:
        return workload.injected or workload.key in self.routers

    def placement(self, number: int, workload: Workload) -> str:
        """The address that the mesh knows the instance by: its proxy's, or its own without one."""
        return self.block.inbound(number) if self._proxied(workload) else self.block.application(number)

    def proxy(self, number: int, workload: Workload, proxy: Proxy, headers: tuple[str, ...]) -> PlannedProxy:
        """The proxy with the metadata that this run gives it."""
        socket = self.files.socket(number)
        metadata = {
            **proxy.metadata,
            "INTERCEPTION_MODE": "NONE",
            "LATEEN_BIND_ADDRESS": self.block.inbound(number),
            "LATEEN_CALL_LOG": str(self.files.call_log(workload.key)),
            "LATEEN_CALL_LOG_HEADERS": list(headers),
            "LATEEN_MODULE_DIR": str(self.files.modules),
            "LATEEN_XDS_SOCKET": str(socket),
        }
        if proxy.kind == "sidecar":
            metadata |= {
                "LATEEN_APP_ADDRESS": self.block.application(number),
                "LATEEN_OUTBOUND_ADDRESS": self.block.outbound(number),
                "LATEEN_HTTP_PROXY_PORT": self._http_proxy_port(),
                "LATEEN_TCP_ADDRESSES": {
                    f"{service.hostname}:{port.number}": self.block.tcp(number, position)
                    for position, service in enumerate(self.services, 1)
                    for port in service.ports
                    if _own_listener(port)
                },
            }
        return PlannedProxy(replace(proxy, metadata=metadata), workload, socket)

    def applications(self, number: int, workload: Workload) -> Iterator[Application]:
        """The containers of an instance in the order of their start, its proxy's own template aside."""
        pod = workload.pod
        if pod is None:
            return
        self.findings.extend(_unhonoured(workload, pod))
        for container in pod.init:
            yield self._application(
                number, workload, pod, container, Phase.SIDECAR if container.sidecar else Phase.INIT
            )
        for container in pod.containers:
            if not container.is_proxy:
                yield self._application(number, workload, pod, container, Phase.MAIN)

    def _application(
        self, number: int, workload: Workload, pod: PodSpec, container: Container, phase: Phase
    ) -> Application:
        address = self.block.application(number)
        environment = Environment(workload, address, self.objects, self._inherited(number, workload))
        self.findings.extend(environment.add(container))
        words = [expand(word, environment.variables) for word in (*container.command, *container.args)]
        if not container.command:
            self.findings.append(
                codes.NO_COMMAND.at(container.origin, container=container.name, workload=workload.owner)
            )
        return Application(
            workload,
            container.name,
            on_this_machine(words),
            environment.variables,
            Path(workload.ref.origin.file).parent / container.working_dir,
            address,
            tuple(port for _, port in container.ports),
            container.readiness,
            container.liveness,
            container.startup,
            phase,
            pod.termination_grace,
            container.origin,
        )

    def _inherited(self, number: int, workload: Workload) -> dict[str, str]:
        variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        search = os.environ.get("PATH", os.defpath)
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{search}"
        if not workload.injected:
            return variables
        for name in ("http_proxy", "HTTP_PROXY"):  # curl reads the first only, some programs the second only
            variables[name] = f"http://{self.block.outbound(number)}:{self._http_proxy_port()}"
        for name in ("no_proxy", "NO_PROXY"):
            variables[name] = "127.0.0.0/8,localhost"
        return variables | service_variables(self.mesh, workload.namespace, lambda s: self._host(number, s))

    def _http_proxy_port(self) -> int:
        return self.mesh.config.proxy_http_port or HTTP_PROXY_PORT

    def _host(self, number: int, service: Service) -> str:
        """How an application reaches a service: an address for TCP; for HTTP by name, which its http_proxy knows."""
        if service.ports and _own_listener(service.ports[0]) and service in self.services:
            return self.block.tcp(number, self.services.index(service) + 1)
        return service.hostname
