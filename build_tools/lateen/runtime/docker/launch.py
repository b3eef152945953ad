"""Starting the pods of a plan: a sandbox that holds the network, redirection, the sidecar, the application."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.deliver.redirection import PROXY_UID, nftables
from lateen.identity.files import write
from lateen.model.virtual_addresses import NOBODYS_ADDRESS
from lateen.runtime.docker import agent
from lateen.runtime.docker.container import Container, labels, remove, system_errors
from lateen.runtime.docker.engine import reason
from lateen.runtime.docker.layout import AGENT_PORT, CALL_LOG, SHARED, Pod
from lateen.runtime.docker.network import Network
from lateen.runtime.docker.rules import OPERATOR_PORTS, guard_rules
from lateen.runtime.envoy import envoy_options
from lateen.runtime.plan import Application
from lateen.runtime.probing import Execute
from lateen.runtime.process.launch import Launcher as ProcessLauncher
from lateen.runtime.state import RunFiles
from lateen.xds.filters.wasm import MODULE_DIR
from lateen.xds.snapshot import Config

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.types import Mount

_AGENT = "/lateen/agent.py"
_RULES = "/lateen/rules.nft"
_CONFIG = ("--config-path", f"{SHARED}/{RunFiles.BOOTSTRAP}")
_NOBODY = "65534:65534"
_REDIRECT_SECONDS = 30.0
_HOSTNAME = 63
"""How long a host's name may be; Kubernetes cuts that of a pod too."""

_SAID = 16_384
"""Bytes of what a probe's command says that are kept, from the last one on."""

_ENGINE_LOG = {"type": "json-file", "config": {"max-size": "1m", "max-file": "1"}}
"""What the engine keeps of an output, which goes to a file of the run as well."""

# What none of our own containers needs: capabilities, a writable root, programs that gain rights.
_CONFINED: dict[str, Any] = {
    "cap_drop": ["ALL"],
    "read_only": True,
    "security_opt": ["no-new-privileges:true"],
}


class NotRedirectedError(OSError):
    """The rules of a pod's network could not be loaded; `strerror` says why, `filename` is the pod."""


@dataclass(frozen=True, slots=True)
class PodImages:
    """What containers start from; `applications` maps what pod templates want to what the engine has."""

    envoy: str
    python: str
    init: str
    applications: Mapping[tuple[str, Path], str]


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts the containers of the run that `processes` belongs to.

    A container that takes the place of one that has ended joins the sandbox that there is then.
    """

    client: DockerClient
    processes: ProcessLauncher
    network: Network
    images: PodImages
    published: Mapping[str, Sequence[tuple[str, int]]]
    _sandboxes: dict[str, Container] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def files(self) -> RunFiles:
        """The files of the run."""
        return self.processes.files

    def prepare(self, pods: Sequence[Pod]) -> None:
        """Write the files that containers mount."""
        shutil.copyfile(Path(agent.__file__), self.files.root / "agent.py")
        for module in self.files.modules.iterdir():
            module.chmod(0o644)
        self.files.modules.chmod(0o755)
        for pod in pods:
            folder = self.files.pod(pod.number)
            folder.mkdir(parents=True)
            folder.chmod(0o755)  # its user is another one, who must not write where this machine does
            calls = self.files.call_log(pod.key)
            calls.touch()
            calls.chmod(0o666)
            rules = self.files.rules(pod.number)
            rules.parent.mkdir(exist_ok=True)
            redirection = nftables(pod.redirection, OPERATOR_PORTS) if pod.redirection else ""
            rules.write_text(redirection + guard_rules(self.network.gateway))
            pod.volumes.write()

    def sandbox(self, pod: Pod) -> Container:
        """Start what holds the network of a pod, and set up redirection in it. Raises OSError.

        What is in the network of an earlier sandbox has lost its connection with it, and must start anew.
        """
        if pod.key in self._sandboxes:
            for name in (f"{pod.key}.envoy", *(application.name for application in pod.applications)):
                with system_errors(name):
                    remove(self.client, self._named(name))
        container = self._start(
            f"{pod.key}.sandbox",
            self.images.python,
            entrypoint=["python3", "-I", "-S", _AGENT],
            command=[str(AGENT_PORT), *([NOBODYS_ADDRESS] if pod.redirection else [])],
            user=_NOBODY,
            hostname=pod.workload.name[:_HOSTNAME].rstrip("-."),
            network=self.network.name,
            networking_config={self.network.name: self._endpoint(pod)},
            ports={f"{port}/tcp": (host, port) for host, port in self.published.get(pod.key, ())},
            sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
            mounts=[self._agent(), self._hosts(pod.number)],
            **_CONFINED,
        )
        self._redirect(pod, container)
        with self._lock:
            self._sandboxes[pod.key] = container
        return container

    def _endpoint(self, pod: Pod) -> Any:
        ipv4, *ipv6 = pod.addresses
        return self.client.api.create_endpoint_config(ipv4_address=ipv4, ipv6_address=ipv6[0] if ipv6 else None)

    def _redirect(self, pod: Pod, sandbox: Container) -> None:
        name = f"{pod.key}.redirect"
        container = self._start(
            name,
            self.images.init,
            command=[_RULES],
            network_mode=f"container:{sandbox.id}",
            mounts=[_bind(self.files.rules(pod.number), _RULES)],
            **{**_CONFINED, "cap_add": ["NET_ADMIN"]},
        )
        code = container.wait(_REDIRECT_SECONDS)
        said = self.files.log(name).read_text(errors="replace").partition("\n")[0]  # then nft shows the line
        container.sweep()
        if code != 0:
            sandbox.sweep()
            raise NotRedirectedError(0, said or f"no answer within {_REDIRECT_SECONDS:g} s", pod.key)

    def proxy(self, pod: Pod, bootstrap: Config) -> Container:
        """Start the Envoy of a pod. Its bootstrap is written the first time: to come back it needs no room.

        Raises OSError.
        """
        path = self.files.pod(pod.number) / self.files.BOOTSTRAP
        if not path.exists():
            write(path, json.dumps(bootstrap).encode())
        return self._start(
            f"{pod.key}.envoy",
            self.images.envoy,
            entrypoint=["envoy"],
            command=[*_CONFIG, *envoy_options(self.processes.drain_duration, pod.concurrency)],
            user=f"{PROXY_UID}:{PROXY_UID}",
            network_mode=self._joined(pod.key),
            mounts=[
                _bind(self.files.pod(pod.number), SHARED),
                _bind(self.files.call_log(pod.key), CALL_LOG, read_only=False),
                _bind(self.files.modules, MODULE_DIR),
                self._hosts(pod.number),
            ],
            **_CONFINED,
        )

    def application(self, pod: Pod, application: Application) -> Container:
        """Start a container of a pod. Raises OSError."""
        options: dict[str, Any] = {}
        if application.argv:
            options["entrypoint"] = [*application.argv]
        if application.user.uid is not None:
            gid = application.user.gid
            options["user"] = f"{application.user.uid}" if gid is None else f"{application.user.uid}:{gid}"
        if application.working_dir:
            options["working_dir"] = application.working_dir
        return self._start(
            application.name,
            self.images.applications[application.wanted],
            command=[*application.args],
            environment=application.environment,
            network_mode=self._joined(pod.key),
            mounts=[
                self._hosts(pod.number),
                *(
                    _bind(bind.source, bind.target, read_only=bind.read_only)
                    for bind in pod.volumes.binds(application.mounts)
                ),
            ],
            init=True,  # else a program that does not ask for SIGTERM could not be ended by it
            **options,
        )

    def execute(self, name: str) -> Execute:
        """How commands are run inside of a container."""

        def run(command: tuple[str, ...], timeout: float) -> str:
            from docker.errors import DockerException  # noqa: PLC0415
            from requests.exceptions import RequestException  # noqa: PLC0415

            outcome: list[str] = []

            def ask() -> None:
                try:
                    code, said = self._execute(self._named(name), command)
                except (DockerException, RequestException) as error:
                    outcome.append(f"{command[0]}: {reason(error)}")
                    return
                words = said.decode(errors="replace").strip().rpartition("\n")[2]
                outcome.append("" if code == 0 else f"{command[0]} ended with {code}{f': {words}' if words else ''}")

            # The engine cannot end a command that it has started: one that hangs ends with its container.
            thread = threading.Thread(target=ask, name=f"probe of {name}", daemon=True)
            thread.start()
            thread.join(timeout)
            return outcome[0] if outcome else f"{command[0]} has not ended after {timeout:g} s"

        return run

    def _execute(self, container: str, command: tuple[str, ...]) -> tuple[int | None, bytes]:
        """Run a command in a container: its exit code, and the end of what it said."""
        api = self.client.api
        started = api.exec_create(container, [*command])["Id"]
        said = b""
        for block in api.exec_start(started, stream=True):
            said = (said + block)[-_SAID:]
        return api.exec_inspect(started)["ExitCode"], said

    def _joined(self, key: str) -> str:
        with self._lock:
            return f"container:{self._sandboxes[key].id}"

    def _start(self, name: str, image: str, **options: Any) -> Container:
        self.processes.started(name, (image, *options.get("entrypoint", ()), *options.get("command", ())))
        options["log_config"] = _ENGINE_LOG
        options["labels"] = labels("container", self.processes.run, self.files.root)
        return Container(self.client, self._named(name), image, self.files.log(name), options)

    def _named(self, name: str) -> str:
        return f"lateen-{self.processes.run}-{name}"

    def _agent(self) -> Mount:
        return _bind(self.files.root / "agent.py", _AGENT)

    def _hosts(self, number: int) -> Mount:
        return _bind(self.files.hosts(number), "/etc/hosts")


def _bind(source: Path, target: str, *, read_only: bool = True) -> Mount:
    from docker.types import Mount  # noqa: PLC0415

    return Mount(target=target, source=os.fspath(source), type="bind", read_only=read_only)
