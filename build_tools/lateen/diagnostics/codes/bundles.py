"""LAT082x: configuration for Envoys that are not lateen's own."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NOT_COMPOSED = Code(
    code="LAT0821",
    severity=Severity.ERROR,
    title="A proxy cannot be run by a compose file",
    message="{proxy} cannot run beside an application: {reason}",
    why="The compose file has an application, a sidecar and the redirection of the one to the other. A gateway has no "
    "application; the other interception modes need none of it (NONE) or more of the host than a container has "
    "(TPROXY).",
    example="lateen compile DIR --bundle compose --out out, and the mesh has an ingress gateway.",
    fix="Choose a sidecar by `--proxy NAME.NAMESPACE`; a gateway is a container of its own that starts with what "
    "`--bundle files` writes.",
)

RESTART_NEEDED = Code(
    code="LAT0822",
    severity=Severity.INFO,
    title="A running Envoy takes this change at its next start",
    message="{path} changed: an Envoy that started with it must be started again",
    why="Envoy reads its bootstrap once: node, admin address, health and metrics listeners. The same holds for what a "
    "container is made of (`compose.yaml`, the redirection).",
    example="A label of a workload changes, and with it the node of its Envoy.",
    fix="Start the Envoy again. Changes of routes, clusters, policies and certificates need no restart.",
)

BAD_RECORD = Code(
    code="LAT0823",
    severity=Severity.ERROR,
    title="The record of a folder of bundles cannot be read",
    message="{path} is no record of what lateen wrote: {reason}",
    why="The record says which files are lateen's own. Without it nothing could be removed safely, so nothing is "
    "written.",
    example="The file was edited, or comes from a newer version.",
    fix="Remove the file, and files of proxies that are gone by hand; or choose another folder.",
)

KEPT = Code(
    code="LAT0824",
    severity=Severity.INFO,
    title="A file of a proxy that is gone was changed, and stays",
    message="{path} belongs to no proxy any more, but was changed since it was written: it stays",
    why="Only what is as lateen wrote it is removed.",
    fix="Remove the file, or move it to where it belongs.",
)
