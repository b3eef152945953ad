"""Starting the processes of a plan."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lateen.identity.files import write
from lateen.model.mesh_config import MeshConfig
from lateen.runtime.child import MARK, Child, run_to_end
from lateen.runtime.envoy import envoy_options
from lateen.runtime.plan import Application, Plan, PlannedProxy
from lateen.runtime.probing import Execute, Target
from lateen.runtime.process.layout import on_this_machine
from lateen.runtime.process.wildcard import listening_everywhere
from lateen.runtime.readiness import Readiness
from lateen.runtime.startup import StartingApplication, StartingProxy, Startup, refused
from lateen.runtime.state import RunFiles
from lateen.runtime.supervision import Supervision
from lateen.xds.snapshot import Config


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts what a run consists of; everything carries the run's mark. `started` hears of each command.

    `drain_duration` is how long, in seconds, an Envoy keeps a listener that an edit replaced: as in Istio, connections
    that are still there then are closed.
    """

    run: str
    files: RunFiles
    envoy: Path
    started: Callable[[str, tuple[str, ...]], None] = lambda _name, _argv: None
    drain_duration: float = MeshConfig().drain_duration

    def control_plane(self) -> Child:
        """Start the control plane; it reports on its standard output."""
        argv = (sys.executable, "-m", "lateen.deliver.control_plane", str(self.files.root))
        return self._child("control-plane", argv, dict(os.environ), pipe=True)

    def application(self, application: Application) -> Child:
        """Start a container's command. Raises OSError if the program cannot be executed."""
        return self._child(application.name, application.argv, application.environment, application.directory)

    def execute(self, application: Application) -> Execute:
        """How commands are run beside a container: with its environment, in its directory."""

        def run(command: tuple[str, ...], timeout: float) -> str:
            environment = {**application.environment, MARK: self.run}
            return run_to_end(on_this_machine(command), environment, application.directory, timeout)

        return run

    def proxy(self, planned: PlannedProxy, bootstrap: Config) -> Child:
        """Start the Envoy of a proxy. Its bootstrap is written the first time: to come back it needs no room."""
        path = self.files.bootstrap(planned.key)
        if not path.exists():
            write(path, json.dumps(bootstrap).encode())
        argv = (str(self.envoy), "--config-path", str(path), *envoy_options(self.drain_duration))
        return self._child(planned.name, argv, dict(os.environ))

    def _child(
        self,
        name: str,
        argv: tuple[str, ...],
        environment: dict[str, str],
        directory: Path | None = None,
        *,
        pipe: bool = False,
    ) -> Child:
        self.started(name, argv)
        marked = {**environment, MARK: self.run}
        return Child(argv, self.files.log(name), environment=marked, directory=directory, pipe=pipe)


def launch(
    plan: Plan, bootstraps: Mapping[str, Config], launcher: Launcher, processes: Supervision, *, control_plane: bool
) -> Startup:
    """Start everything at once, on this thread, which must last as long as the run; of a pod with init containers
    and of one that waits for its proxy what may be started.

    Without a control plane the bootstraps (by proxy key) must hold everything. Raises MeshError if the kernel refuses
    to execute something.
    """

    def keep(application: Application) -> StartingApplication:
        process = processes.add(application.name, partial(launcher.application, application))
        ask = Target(application.address, application.workload.named_ports, launcher.execute(application)).ask
        return StartingApplication(application, process, Readiness(application, ask))

    try:
        startup = Startup(
            processes.events,
            processes.add("control-plane", launcher.control_plane, reports=True) if control_plane else None,
            listening_everywhere,
            run=lambda application: processes.run(partial(launcher.application, application)),
            start=keep,
        )
        for planned in plan.proxies:
            bootstrap = bootstraps[planned.key]
            process = processes.add(planned.name, partial(launcher.proxy, planned, bootstrap))
            startup.proxies.append(StartingProxy(planned, admin_url(bootstrap), process))
    except OSError as error:
        raise refused(error) from error
    startup.begin(plan.applications)
    return startup


def admin_url(bootstrap: Config) -> str:
    """Where the Envoy with this bootstrap has its admin interface."""
    address = bootstrap["admin"]["address"]["socket_address"]
    return f"http://{address['address']}:{address['port_value']}"
