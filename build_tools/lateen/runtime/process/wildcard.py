"""Applications that listen on every address of the machine, which takes their port from every other workload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import runtime as codes
from lateen.runtime.child import Child, session
from lateen.runtime.process.listening import listeners, sockets
from lateen.runtime.startup import StartingApplication


def listening_everywhere(applications: Iterable[StartingApplication]) -> Iterator[Diagnostic]:
    """A finding for each container that binds the wildcard address, once per pod template and port."""
    wildcards = {one.inode: one for one in listeners() if one.everywhere}
    said = set()
    for starting in applications:
        application = starting.application
        workload = application.workload
        child = starting.process.child
        inodes = {inode for one in session(child.pid) for inode in sockets(one)} if isinstance(child, Child) else set()
        for one in (wildcards[inode] for inode in sorted(inodes & wildcards.keys())):
            if (workload.namespace, workload.owner, one.port) not in said:
                said.add((workload.namespace, workload.owner, one.port))
                yield codes.LISTENS_EVERYWHERE.at(
                    application.origin,
                    container=application.container,
                    workload=workload.owner,
                    address=one.address,
                    port=one.port,
                    hint=f"let it listen on its pod IP (here {application.address}), by fieldRef status.podIP",
                )
