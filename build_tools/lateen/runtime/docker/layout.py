"""From a mesh to a plan of pods: who gets which addresses, names, environment and metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import runtime as codes
from lateen.model.injection import Redirection
from lateen.model.mesh import Mesh
from lateen.model.pod import Container, PodSpec
from lateen.model.proxy import Proxy
from lateen.model.service import Service
from lateen.model.virtual_addresses import with_virtual_addresses
from lateen.model.workload import Workload
from lateen.runtime.docker.network import Network
from lateen.runtime.docker.volumes import PodVolumes, pod_volumes
from lateen.runtime.environment import Environment, Objects, expand, service_variables
from lateen.runtime.plan import Application, Phase, Plan, PlannedProxy, Settings, instances
from lateen.runtime.state import RunFiles

SHARED = "/run/lateen"
"""Where a sidecar finds the folder that it shares with this machine: its bootstrap and its socket."""

CALL_LOG = "/var/log/lateen/calls.jsonl"
"""Where a sidecar finds its call log."""

RUNTIME = "docker"
"""What findings call it."""

AGENT_PORT = 15002
"""Where the agent of a pod is this machine's way into the pod's network."""


@dataclass(frozen=True, slots=True)
class Pod:
    """An instance in containers. Without a `proxy` nothing is redirected; a gateway's proxy takes nothing by itself."""

    number: int
    workload: Workload
    addresses: tuple[str, ...]
    proxy: PlannedProxy | None
    applications: tuple[Application, ...]
    redirection: Redirection | None
    volumes: PodVolumes

    @property
    def key(self) -> str:
        """`NAME.NAMESPACE`."""
        return self.workload.key

    @property
    def concurrency(self) -> int | None:
        """How many worker threads its proxy was given; None: nothing is said."""
        return self.workload.pod.sidecar.concurrency if self.workload.pod else None


def lay_out(
    mesh: Mesh, settings: Settings, network: Network, files: RunFiles, call_log_headers: Sequence[str] = ()
) -> tuple[Plan, tuple[Pod, ...], tuple[Diagnostic, ...]]:
    """Number the instances of `mesh`, place them, and say what runs in each pod.

    A plan is usable if no finding is an error. `call_log_headers` are request headers that call logs record.
    """
    found = instances(mesh)
    if wrong := tuple(_limits(settings, len(found), network)):
        return Plan(settings, mesh, {}, (), ()), (), wrong
    placements = {workload.key: network.addresses(number) for number, workload in enumerate(found, 1)}
    placed = with_virtual_addresses(mesh.placed(placements))
    layout = _Layout(placed, files, Objects.of(mesh.secrets), tuple(call_log_headers))
    proxies = {f"{proxy.name}.{proxy.namespace}": proxy for proxy in placed.proxies()}
    pods = tuple(
        layout.pod(number, workload, network.addresses(number), proxies.get(workload.key))
        for number, workload in enumerate(found, 1)
    )
    plan = Plan(
        settings,
        placed,
        placements,
        tuple(pod.proxy for pod in pods if pod.proxy),
        tuple(application for pod in pods for application in pod.applications),
        hosts={pod.key: (files.hosts(pod.number), pod.redirection is not None) for pod in pods},
    )
    return plan, pods, tuple(dict.fromkeys(layout.findings))


def _limits(settings: Settings, workloads: int, network: Network) -> Iterator[Diagnostic]:
    origin = Origin(str(settings.directory))
    if not workloads:
        yield codes.NOTHING_TO_RUN.at(origin, hint=codes.NOTHING_TO_RUN.fix, directory=settings.directory)
    if workloads > network.instances:
        yield codes.TOO_MANY.at(origin, count=workloads, what="workload instances", limit=network.instances)


@dataclass(frozen=True, slots=True)
class _Layout:
    mesh: Mesh
    files: RunFiles
    objects: Objects
    headers: tuple[str, ...]
    findings: list[Diagnostic] = field(default_factory=list)

    def pod(self, number: int, workload: Workload, addresses: tuple[str, ...], proxy: Proxy | None) -> Pod:
        """The containers of an instance."""
        spec = workload.pod or PodSpec()
        self.findings.extend(_unhonoured(workload, spec))
        volumes, wrong = pod_volumes(workload, addresses, self.objects, self.files.volumes(number))
        self.findings.extend(wrong)
        redirected = proxy is not None and proxy.kind == "sidecar" and proxy.interception != "NONE"
        return Pod(
            number,
            workload,
            addresses,
            self._proxy(number, proxy, workload) if proxy else None,
            tuple(self._applications(workload, spec, addresses[0])),
            spec.redirection if redirected else None,
            volumes,
        )

    def _proxy(self, number: int, proxy: Proxy, workload: Workload) -> PlannedProxy:
        metadata = {
            **proxy.metadata,
            "LATEEN_ADMIN_ADDRESS": "0.0.0.0",  # noqa: S104 - the rules of the pod let this machine in alone
            "LATEEN_CALL_LOG": CALL_LOG,
            "LATEEN_CALL_LOG_HEADERS": list(self.headers),
            "LATEEN_XDS_SOCKET": f"{SHARED}/{RunFiles.SOCKET}",
        }
        return PlannedProxy(replace(proxy, metadata=metadata), workload, self.files.pod_socket(number), shared=True)

    def _applications(self, workload: Workload, pod: PodSpec, address: str) -> Iterator[Application]:
        """In the order of their start, the proxy's own template aside."""
        for container in pod.init:
            phase = Phase.SIDECAR if container.sidecar else Phase.INIT
            yield self._application(workload, pod, container, phase, address)
        for container in pod.containers:
            if not container.is_proxy:
                yield self._application(workload, pod, container, Phase.MAIN, address)

    def _application(
        self, workload: Workload, pod: PodSpec, container: Container, phase: Phase, address: str
    ) -> Application:
        services = service_variables(self.mesh, workload.namespace, lambda service: _host(workload, service))
        environment = Environment(workload, address, self.objects, services, runtime=RUNTIME)
        self.findings.extend(environment.add(container))
        command, args = (
            tuple(expand(word, environment.variables) for word in words)
            for words in (container.command, container.args)
        )
        return Application(
            workload,
            container.name,
            command,
            environment.variables,
            Path(workload.ref.origin.file).parent,
            address,
            tuple(port for _, port in container.ports),
            container.readiness,
            container.liveness,
            container.startup,
            phase,
            pod.termination_grace,
            container.origin,
            container.image,
            args,
            container.working_dir,
            container.mounts,
            container.user,
        )


def _host(workload: Workload, service: Service) -> str:
    """Where an application reaches a service: its virtual address; by name where nothing redirects it there."""
    return service.addresses[0] if service.addresses and workload.injected else service.hostname


def _unhonoured(workload: Workload, pod: PodSpec) -> Iterator[Diagnostic]:
    wanted = [*pod.unsupported, *(item for container in (*pod.init, *pod.containers) for item in container.unsupported)]
    for name, place in wanted:
        yield codes.NOT_HONOURED.at(place, field=name, workload=workload.owner, runtime=RUNTIME)
