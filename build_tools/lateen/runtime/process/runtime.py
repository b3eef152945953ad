"""The process runtime of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lateen.diagnostics import Diagnostic
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.runtime.plan import Phase, Plan, Settings
from lateen.runtime.process.addresses import Block
from lateen.runtime.process.bound import application_claims, proxy_claims
from lateen.runtime.process.launch import Launcher, launch
from lateen.runtime.process.layout import lay_out
from lateen.runtime.process.preflight import check_claims, check_commands, check_limits
from lateen.runtime.running import RunningApp, RunningMesh, RunningProxy
from lateen.runtime.startup import Startup
from lateen.runtime.supervision import Supervision
from lateen.xds.snapshot import Config, Snapshot


@dataclass(frozen=True, slots=True)
class ProcessRuntime:
    """Applications and Envoys as processes of this machine, at the addresses of `block`."""

    block: Block
    launcher: Launcher

    def lay_out(
        self, mesh: Mesh, settings: Settings, call_log_headers: Sequence[str]
    ) -> tuple[Plan, tuple[Diagnostic, ...]]:
        """Who gets which addresses, environment and metadata."""
        return lay_out(mesh, settings, self.block, self.launcher.files, call_log_headers)

    def check(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], bootstraps: Mapping[str, Config]
    ) -> Iterator[Diagnostic]:
        """Programs that do not exist, limits of the kernel, and addresses that are taken."""
        claims = [claim for app in plan.applications for claim in application_claims(app)]
        for planned in plan.proxies:
            claims += proxy_claims(planned, snapshots[planned.key], bootstraps[planned.key])
        yield from check_commands(plan.applications)
        yield from check_limits(len(plan.proxies) + len(plan.applications) + 1)
        yield from check_claims(claims)

    def launch(self, plan: Plan, bootstraps: Mapping[str, Config], processes: Supervision) -> Startup:
        """Start everything, on this thread, which must last as long as the run."""
        return launch(plan, bootstraps, self.launcher, processes, control_plane=True)

    def view(self, plan: Plan) -> RunningMesh:
        """Each proxy at its own loopback address."""
        proxied = {planned.key for planned in plan.proxies}
        files = self.launcher.files
        proxies = tuple(
            RunningProxy(
                planned.key,
                planned.workload.owner,
                planned.proxy.kind,
                planned.proxy.address,
                f"http://{planned.proxy.address}:15000",
                f"http://{planned.proxy.address}:15090/stats/prometheus",
                files.call_log(planned.key),
                _http_proxy(planned.proxy),
            )
            for planned in plan.proxies
        )
        apps = tuple(
            RunningApp(app.workload.key, app.workload.owner, app.address, app.ports, app.workload.key in proxied)
            for app in plan.applications
            if app.phase is not Phase.INIT
        )
        return RunningMesh(plan.settings.directory, files.root, proxies, apps)


def _http_proxy(proxy: Proxy) -> str:
    """The URL that applications use; empty for a router."""
    if "LATEEN_OUTBOUND_ADDRESS" not in proxy.metadata:
        return ""
    return f"http://{proxy.metadata['LATEEN_OUTBOUND_ADDRESS']}:{proxy.metadata['LATEEN_HTTP_PROXY_PORT']}"
