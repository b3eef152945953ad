"""What must hold on this machine before anything of a run starts."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import runtime as codes
from lateen.runtime.plan import Application, Claim
from lateen.runtime.process.listening import holder

DESCRIPTORS = 256
"""Open files that an Envoy needs to serve a small mesh (23 to 29 idle, the rest connections)."""

THREADS = 10
"""Threads of an Envoy with one worker (7), or of an application, with some to spare."""

_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def check_claims(claims: Iterable[Claim]) -> Iterator[Diagnostic]:
    """A finding for each address and port that is taken, claimed twice, or not for this user."""
    ordered = sorted(set(claims))
    for first, second in pairwise(ordered):
        if (first.address, first.port) == (second.address, second.port):
            yield _taken(second, first.needed_by, related=(first.origin,))
    for (address, port), same in groupby(ordered, key=lambda claim: (claim.address, claim.port)):
        claim = next(same)
        match _bind(address, port):
            case errno.EADDRINUSE:
                yield _taken(claim, holder(address, port))
            case errno.EACCES:
                yield codes.PRIVILEGED_PORT.at(
                    claim.origin,
                    hint=codes.PRIVILEGED_PORT.fix,
                    needed_by=claim.needed_by,
                    address=address,
                    port=port,
                    limit=_UNPRIVILEGED.read_text().strip(),
                )
            case code if code:
                yield _taken(claim, os.strerror(code).lower())


def _taken(claim: Claim, by: str, related: tuple[Origin, ...] = ()) -> Diagnostic:
    return codes.PORT_TAKEN.at(
        claim.origin,
        address=claim.address,
        port=claim.port,
        holder=by,
        needed_by=claim.needed_by,
        related=related,
        hint="end that process (`lateen down` if it is a leftover), or change the port",
    )


def _bind(address: str, port: int) -> int:
    """The error of listening there as Envoy does (SO_REUSEADDR, no SO_REUSEPORT); 0 for none."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def check_commands(applications: Iterable[Application]) -> Iterator[Diagnostic]:
    """A finding for each container whose folder or program does not exist, once per pod template."""
    said = set()
    for application in applications:
        reason = _cannot_run(application)
        identity = (application.workload.owner, application.workload.namespace, application.container)
        if reason and identity not in said:
            said.add(identity)
            yield codes.COMMAND_NOT_FOUND.at(
                application.origin,
                hint=codes.COMMAND_NOT_FOUND.fix,
                container=application.container,
                workload=application.workload.owner,
                reason=reason,
            )


def _cannot_run(application: Application) -> str:
    if not application.argv:
        return ""
    if not application.directory.is_dir():
        return f"its working directory {application.directory} does not exist"
    program = application.argv[0]
    place = str(application.directory / program) if "/" in program else program
    if shutil.which(place, path=application.environment.get("PATH")) is None:
        return f"{program} is no program of this machine"
    return ""


def check_limits(processes: int) -> Iterator[Diagnostic]:
    """A finding for each kernel limit that this many Envoys and applications would exceed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        yield _too_low("the limit of open files per process (RLIMIT_NOFILE)", soft, DESCRIPTORS, processes)
    used, _, total = map(int, Path("/proc/sys/fs/file-nr").read_text().split())
    needed = DESCRIPTORS * processes
    if total - used < needed:
        yield _too_low("the machine's limit of open files (fs.file-max)", total - used, needed, processes)
    threads = THREADS * processes
    for name, free in _free_threads():
        if free < threads:
            yield _too_low(name, free, threads, processes)


def _too_low(limit: str, available: int, needed: int, processes: int) -> Diagnostic:
    return codes.LIMIT_TOO_LOW.at(
        Origin(),
        hint=codes.LIMIT_TOO_LOW.fix,
        limit=limit,
        available=available,
        needed=needed,
        processes=processes,
    )


def _free_threads() -> Iterator[tuple[str, int]]:
    """Limits of threads with what they leave: of the user (root has none) and of each control group above."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and os.getuid() != 0:
        yield "the user's limit of processes (RLIMIT_NPROC)", soft - _threads_of_user()
    for group in _control_groups():
        limit, current = group / "pids.max", group / "pids.current"
        if limit.exists() and current.exists() and (most := limit.read_text().strip()) != "max":
            yield f"the control group's limit of processes ({limit})", int(most) - int(current.read_text())


def _threads_of_user() -> int:
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == os.getuid():
                    count += sum(1 for _ in (entry / "task").iterdir())
            except OSError:
                continue  # it ended
    return count


def _control_groups() -> Iterator[Path]:
    """This process's control group and those above it (version 2, or the pids hierarchy of version 1)."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "pids"):
            root = Path("/sys/fs/cgroup", controllers)
            group = root / path.lstrip("/")
            yield from (g for g in (group, *group.parents) if g.is_relative_to(root))
