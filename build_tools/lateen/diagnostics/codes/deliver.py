"""LAT08xx: what a control plane says about edits and about Envoy's verdicts."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NOT_ENCODABLE = Code(
    code="LAT0801",
    severity=Severity.ERROR,
    title="A compiled resource does not fit Envoy's schema",
    message="{resource} of proxy {proxy} cannot be sent: {reason}",
    why="A field has a name or a type that Envoy does not know. Such a resource has no binary form, so nothing of this "
    "edit is sent and the running configuration stays. The usual cause is an EnvoyFilter patch or a plug-in.",
    example="An EnvoyFilter that merges `connect_timeout: soon` into a cluster.",
    fix="Give the field a value of its type, here `connect_timeout: 2s`; `lateen verify` shows every such field.",
)

NEW_WORKLOAD = Code(
    code="LAT0802",
    severity=Severity.WARNING,
    title="A workload was added to a running mesh",
    message="workload {workload} was added while the mesh runs: it is not started",
    why="A running mesh takes changed configuration, not changed processes: the new workload has no address, no "
    "application and no sidecar, and nothing can reach it.",
    example="A new Deployment is saved into the directory of a running `lateen up`, or `replicas` is raised.",
    fix="Stop `lateen up` and start it again.",
)

REMOVED_WORKLOAD = Code(
    code="LAT0803",
    severity=Severity.WARNING,
    title="A workload was removed from a running mesh",
    message="workload {workload} was removed while the mesh runs: its processes stay, with the configuration they have",
    why="A running mesh takes changed configuration, not changed processes. Others no longer reach the workload, but "
    "its application and its sidecar go on until the mesh ends.",
    example="A Deployment is deleted from the directory of a running `lateen up`, or `replicas` is lowered.",
    fix="Stop `lateen up` and start it again.",
)

UNREADABLE = Code(
    code="LAT0804",
    severity=Severity.ERROR,
    title="The files of a running mesh cannot be read",
    message="cannot read the mesh: {reason}",
    why="The running configuration stays as it is until the files can be read again.",
    example="The directory of a running `lateen up` is renamed.",
    fix="Put the files back, readable for the user that runs `lateen up`.",
)

TRUST_DOMAIN_CHANGED = Code(
    code="LAT0805",
    severity=Severity.ERROR,
    title="The trust domain of a running mesh was changed",
    message="the trust domain cannot change from {before} to {after} while the mesh runs",
    why="Certificates of the running workloads are signed by the authority of the old trust domain; configuration of "
    "the new one would refuse them all. The running configuration stays.",
    example="`trustDomain: shop.example` is saved into `mesh.yaml` of a running `lateen up`.",
    fix="Stop `lateen up` and start it again.",
)

INTERNAL = Code(
    code="LAT0806",
    severity=Severity.ERROR,
    title="An edit made the compiler fail",
    message="the mesh cannot be compiled because of an error in lateen: {reason}",
    why="This is a fault of lateen, not of the mesh. The running configuration stays; the log of the control plane has "
    "the details.",
    fix="Undo the edit, and report it together with that log.",
)
