"""The container runtime of one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.deliver.hosts import hosts_files, write_hosts
from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import containers as codes
from lateen.diagnostics.codes.runtime import PRIVILEGED_PORT
from lateen.model.mesh import Mesh
from lateen.runtime.docker.engine import address, asking, connect
from lateen.runtime.docker.images import Images
from lateen.runtime.docker.launch import Launcher, NotRedirectedError, PodImages
from lateen.runtime.docker.layout import AGENT_PORT, Pod, lay_out
from lateen.runtime.docker.leftovers import remove_run
from lateen.runtime.docker.network import Network, create_network
from lateen.runtime.events import Events
from lateen.runtime.plan import Application, Claim, Phase, Plan, Settings
from lateen.runtime.probing import Target
from lateen.runtime.process.addresses import Block
from lateen.runtime.process.bound import proxy_claims
from lateen.runtime.process.launch import Launcher as ProcessLauncher
from lateen.runtime.process.preflight import check_claims
from lateen.runtime.readiness import Readiness
from lateen.runtime.running import RunningApp, RunningMesh, RunningProxy
from lateen.runtime.startup import StartingApplication, StartingProxy, Startup, refused
from lateen.runtime.supervision import Process, Supervision
from lateen.xds.bootstrap import ADMIN_PORT, PROMETHEUS_PORT
from lateen.xds.snapshot import Config, Snapshot

if TYPE_CHECKING:
    from docker import DockerClient

_PARALLEL = 6


@dataclass(slots=True)
class DockerRuntime:
    """Pods of containers on a network of their own; gateways publish their ports at the loopback addresses of `block`.

    The control plane stays a process of this machine, which `processes` starts. `own_envoy`: the Envoys must be of the
    very binary that the processes would be.
    """

    client: DockerClient
    network: Network
    block: Block
    processes: ProcessLauncher
    events: Events
    own_envoy: bool
    pods: tuple[Pod, ...] = ()
    published: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    images: PodImages | None = None

    def lay_out(
        self, mesh: Mesh, settings: Settings, call_log_headers: Sequence[str]
    ) -> tuple[Plan, tuple[Diagnostic, ...]]:
        """Who gets which addresses, names, environment and metadata."""
        plan, self.pods, findings = lay_out(mesh, settings, self.network, self.processes.files, call_log_headers)
        return plan, findings

    def check(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], _bootstraps: Mapping[str, Config]
    ) -> Iterator[Diagnostic]:
        """Ports to publish that are taken, and images that cannot be had."""
        claims: list[Claim] = []
        for pod in self.pods:
            if pod.proxy and pod.proxy.proxy.kind == "router":
                host = self.block.inbound(pod.number)
                ports = {claim.port: claim for claim in proxy_claims(pod.proxy, snapshots[pod.key], {})}
                self.published[pod.key] = [(host, port) for port in sorted(ports)]
                claims += [Claim(host, port, claim.needed_by, claim.origin) for port, claim in ports.items()]
        # The engine binds them, whatever ports are for root alone.
        yield from (finding for finding in check_claims(claims) if finding.code != PRIVILEGED_PORT.code)
        images = Images(self.client, lambda what: self.events.add({"event": "preparing", "what": what}))
        found: dict[tuple[str, Path], str] = {}
        for application in plan.applications:
            if application.wanted not in found:
                try:
                    name = images.resolve(*application.wanted, application.origin)
                except MeshError as error:
                    name = ""
                    yield from error.diagnostics
                found[application.wanted] = name
        self.images = PodImages(
            images.envoy(self.processes.envoy, own=self.own_envoy), images.python(), images.init(), found
        )

    def launch(self, plan: Plan, bootstraps: Mapping[str, Config], processes: Supervision) -> Startup:
        """Start the control plane and every pod: sandboxes and proxies at once, applications in their turn."""
        if self.images is None:
            raise ValueError("a plan is checked before it is launched")
        for path, text in hosts_files(plan.mesh, plan.hosts).items():
            path.parent.mkdir(exist_ok=True)
            write_hosts(path, text)
            path.chmod(0o644)
        launcher = Launcher(self.client, self.processes, self.network, self.images, self.published)
        launcher.prepare(self.pods)
        by_key = {pod.key: pod for pod in self.pods}

        def keep(application: Application) -> StartingApplication:
            pod = by_key[application.workload.key]
            process = processes.add(application.name, partial(launcher.application, pod, application))
            target = Target(
                application.address,
                application.workload.named_ports,
                launcher.execute(application.name),
                _agent(application.address),
            )
            return StartingApplication(application, process, Readiness(application, target.ask))

        def run(application: Application) -> Process:
            return processes.run(partial(launcher.application, by_key[application.workload.key], application))

        try:
            serving = processes.add("control-plane", self.processes.control_plane, reports=True)
            startup = Startup(processes.events, serving, _no_remarks, run=run, start=keep)
            processes.add_all([(f"{pod.key}.sandbox", partial(launcher.sandbox, pod)) for pod in self.pods], _PARALLEL)
            proxied = [pod for pod in self.pods if pod.proxy]
            envoys = processes.add_all(
                [(f"{pod.key}.envoy", partial(launcher.proxy, pod, bootstraps[pod.key])) for pod in proxied], _PARALLEL
            )
            for pod, process in zip(proxied, envoys, strict=True):
                if pod.proxy:
                    startup.proxies.append(StartingProxy(pod.proxy, f"http://{pod.addresses[0]}:{ADMIN_PORT}", process))
        except NotRedirectedError as error:
            reason = codes.NOT_REDIRECTED
            finding = reason.at(Origin(), hint=reason.fix, workload=error.filename, reason=error.strerror)
            raise MeshError((finding,)) from error
        except OSError as error:
            raise refused(error) from error
        startup.begin(plan.applications)
        return startup

    def view(self, plan: Plan) -> RunningMesh:
        """Each pod at its own address; a gateway, for clients outside the mesh, where it publishes its ports."""
        proxies = tuple(self._proxy(pod) for pod in self.pods if pod.proxy)
        proxied = {proxy.key for proxy in proxies}
        apps = tuple(
            RunningApp(
                app.workload.key,
                app.workload.owner,
                app.address,
                app.ports,
                app.workload.key in proxied,
                _agent(app.address),
            )
            for app in plan.applications
            if app.phase is not Phase.INIT
        )
        return RunningMesh(plan.settings.directory, self.processes.files.root, proxies, apps)

    def _proxy(self, pod: Pod) -> RunningProxy:
        kind = pod.proxy.proxy.kind if pod.proxy else ""
        host = pod.addresses[0]
        return RunningProxy(
            pod.key,
            pod.workload.owner,
            kind,
            host,
            f"http://{host}:{ADMIN_PORT}",
            f"http://{host}:{PROMETHEUS_PORT}/stats/prometheus",
            self.processes.files.call_log(pod.key),
            "" if kind == "router" else _agent(host),
            self.block.inbound(pod.number) if kind == "router" else "",
        )


@contextmanager
def docker_runtime(
    processes: ProcessLauncher, block: Block, events: Events, *, own_envoy: bool
) -> Iterator[DockerRuntime]:
    """The runtime of a run, while the block lasts; then nothing of it is left in the engine.

    Raises MeshError if there is no engine on this machine, or if it refuses.
    """
    where, run, files = address(), processes.run, processes.files
    if not where.startswith("unix://"):  # its containers could not mount what this machine writes
        raise _elsewhere(where, "it is not asked through a Unix socket")
    client = connect(where)
    try:
        with asking("describe itself"):
            described = client.info()
        if reason := elsewhere(described):
            raise _elsewhere(where, reason)
        files.engine.write_text(where)
        network = create_network(client, run, files.root)
        yield DockerRuntime(client, network, block, processes, events, own_envoy)
    finally:
        remove_run(client, run)
        client.close()


def elsewhere(described: Mapping[str, Any]) -> str:
    """Why containers of the engine that describes itself like this (`docker info`) are out of reach; empty if not."""
    if "name=rootless" in (described.get("SecurityOptions") or ()):
        return "it is rootless, and its networks are in a network namespace of its own"
    if described.get("OperatingSystem") == "Docker Desktop":
        return "it runs in a virtual machine, and so do its networks"
    return ""


def _elsewhere(where: str, reason: str) -> MeshError:
    code = codes.ENGINE_ELSEWHERE
    return MeshError((code.at(Origin(), address=where, reason=reason, hint=code.fix),))


def _agent(host: str) -> str:
    return f"http://{host}:{AGENT_PORT}"


def _no_remarks(_applications: Iterable[StartingApplication]) -> Iterable[Diagnostic]:
    return ()
