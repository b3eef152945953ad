"""What a runtime is: the place where the instances of a mesh become something that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lateen.diagnostics import Diagnostic
from lateen.model.mesh import Mesh
from lateen.runtime.plan import Plan, Settings
from lateen.runtime.running import RunningMesh
from lateen.runtime.startup import Startup
from lateen.runtime.supervision import Supervision
from lateen.xds.snapshot import Config, Snapshot


class Runtime(Protocol):
    """Processes or containers, for one run. Its methods are called once each, in the order in which they stand here."""

    def lay_out(
        self, mesh: Mesh, settings: Settings, call_log_headers: Sequence[str]
    ) -> tuple[Plan, tuple[Diagnostic, ...]]:
        """Who gets which address, environment and metadata. A plan is usable if no finding is an error."""

    def check(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], bootstraps: Mapping[str, Config]
    ) -> Iterable[Diagnostic]:
        """What stands in the way of a plan with this configuration of its proxies, by key; nothing is started yet."""

    def launch(self, plan: Plan, bootstraps: Mapping[str, Config], processes: Supervision) -> Startup:
        """Start everything. Raises MeshError if something cannot be."""

    def view(self, plan: Plan) -> RunningMesh:
        """Where what runs can be reached."""
