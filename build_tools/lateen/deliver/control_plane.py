"""The control plane of a running mesh, a process of its own: `python -m lateen.deliver.control_plane STATE_DIR`.

It watches the mesh's files, compiles every proxy of the plan, and serves each on its own socket. It ends on SIGTERM,
and when its parent does; the Envoys then go on with what they have. What it persists in STATE_DIR lets a successor
serve the same bytes, so that the Envoys that come back to it are sent nothing.

Each line on standard output is one event:

| `event` | further keys |
|---|---|
| `serving` | every socket listens |
| `compiled` | `generation`, `changed`: number of resources that differ from the generation before |
| `connected` | `proxy` |
| `acked` | `proxy`, `generation`: everything of that generation is in force there |
| `diagnostics` | `generation`, `findings`, `used`: whether the edit is put in force all the same |
| `nack` | `proxy`, `type`, `name`, `message`, `origin`: Envoy refused a resource and goes on with what it had |
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lateen.deliver.ads import ProxyServer
from lateen.deliver.encoding import ATTRIBUTES, Encoder, origin_of
from lateen.deliver.hosts import write_hosts
from lateen.deliver.messages import Messages
from lateen.deliver.modules import deploy
from lateen.deliver.plan import Plan
from lateen.deliver.protocol import Rejection, Resources
from lateen.deliver.recompile import Compiled, recompile
from lateen.deliver.rejections import explained
from lateen.deliver.verdicts import Verdicts
from lateen.deliver.watch import Watch
from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes.deliver import INTERNAL
from lateen.diagnostics.codes.runtime import STATE_NOT_WRITTEN
from lateen.identity import CertificateStore
from lateen.schema import Schema

TICK = 0.1
"""Seconds between looks at the files, the clock and the parent."""

RETRY = timedelta(seconds=5)
"""Until what could not be written is tried again."""

Report = Callable[[dict[str, Any]], None]


class ControlPlane:
    """Serves the proxies of one plan until it is stopped, and reports what happens."""

    def __init__(self, plan: Plan, state: Path, report: Report) -> None:
        """Raises OSError or ValueError if the authority in `state` cannot be loaded."""
        self._plan, self._report, self._modules = plan, report, state / "modules"
        self._store = CertificateStore.open(state, plan.certificate_lifetime)
        self._schema = Schema.default()
        self._encoder = Encoder(self._schema)
        messages, verdicts = Messages(self._schema), Verdicts(state / "verdicts.json")
        self._servers = {
            key: ProxyServer(key, planned.socket, messages, verdicts, self, shared=planned.shared)
            for key, planned in plan.proxies.items()
        }
        self._compiled: Compiled | None = None
        self._renew_at: datetime | None = None
        self._compile_at: datetime | None = None
        self._unwritten = ""
        self._generation = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises OSError if a socket cannot be bound."""
        plan = self._plan
        watch = Watch(*plan.sources, mesh_config=plan.mesh_config, recursive=plan.recursive)
        try:
            for server in self._servers.values():
                await server.start()
            self._report({"event": "serving"})
            await self._recompile()
            while not await _waited(stop, TICK):
                watch.follow(self._compiled.named_files if self._compiled else ())
                if watch.changed() or _due(self._compile_at):
                    await self._recompile()
                elif self._compiled and _due(self._renew_at):
                    self._renew(self._compiled)
        finally:
            await asyncio.gather(*(server.stop() for server in self._servers.values()))

    def connected(self, proxy: str) -> None:
        """Report a new stream."""
        self._report({"event": "connected", "proxy": proxy})

    def acknowledged(self, proxy: str, generation: int) -> None:
        """Report a generation in force."""
        self._report({"event": "acked", "proxy": proxy, "generation": generation})

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Report a refusal with the place in the user's YAML that the resource came from."""
        snapshot = self._compiled.snapshots.get(proxy) if self._compiled else None
        origin = origin_of(snapshot, rejection.type_url, rejection.name) if snapshot else Origin()
        resources = getattr(snapshot, ATTRIBUTES[rejection.type_url]) if snapshot else {}
        config = resources.get(rejection.name)
        self._report(
            {
                "event": "nack",
                "proxy": proxy,
                "type": rejection.type_url,
                "name": rejection.name,
                "message": explained(rejection.message, rejection.type_url, config, self._schema),
                "origin": str(origin) if origin.file else "",
            }
        )

    async def _recompile(self) -> None:
        """Put the files as they are now in force, or say why that cannot be."""
        self._generation += 1
        self._compile_at = None
        before = self._compiled
        try:
            compiled = await asyncio.to_thread(recompile, self._plan, self._store)
            resources = await asyncio.to_thread(self._encode, compiled)
            await asyncio.to_thread(deploy, compiled.snapshots.values(), self._modules)
            self._write_hosts(before.hosts if before else {}, compiled.hosts)
        except MeshError as error:
            self._diagnostics(error.diagnostics, used=False)
            return
        except OSError as error:
            self._compile_at = self._not_written(error, used=False)
            return
        except Exception as error:  # an edit that finds a fault of the compiler must not end the control plane
            with contextlib.suppress(OSError):  # the log may be on a full disk
                traceback.print_exc()
            self._diagnostics([INTERNAL.at(Origin(), reason=f"{type(error).__name__}: {error}")], used=False)
            return
        self._compiled, self._unwritten = compiled, ""
        self._report({"event": "compiled", "generation": self._generation, "changed": self._changed(resources)})
        if before:  # what was found at the start has been told by whoever started this
            self._diagnostics([d for d in compiled.findings if d not in before.findings], used=True)
        self._offer(resources)

    def _renew(self, compiled: Compiled) -> None:
        """Offer new certificates; those that cannot be kept are not used, and the old ones are good for as long again.

        A successor that did not find them would give every Envoy others.
        """
        try:
            resources = self._encode(compiled)
        except OSError as error:
            self._renew_at = self._not_written(error, used=True)
            return
        self._unwritten = ""
        self._offer(resources)

    def _not_written(self, error: OSError, *, used: bool) -> datetime:
        """Report, once for each reason, that the state directory cannot be written; gives the time to try again."""
        if (reason := str(error)) != self._unwritten:
            self._unwritten = reason
            code = STATE_NOT_WRITTEN
            self._diagnostics([code.at(Origin(), reason=reason, hint=code.fix)], used=used)
        return datetime.now(UTC) + RETRY

    def _write_hosts(self, before: Mapping[Path, str], after: Mapping[Path, str]) -> None:
        for path, text in after.items():
            if before.get(path) != text:
                write_hosts(path, text)

    def _encode(self, compiled: Compiled) -> dict[str, Resources]:
        identities = compiled.identities(self._store)
        self._renew_at = min((i.certificate.renew_at for i in identities.values()), default=None)
        return self._encoder.encode({key: (s, identities[key]) for key, s in compiled.snapshots.items()})

    def _offer(self, resources: dict[str, Resources]) -> None:
        """A proxy that the mesh no longer has keeps what it was offered before."""
        for key, offered in resources.items():
            self._servers[key].offer(offered, self._generation)

    def _changed(self, resources: dict[str, Resources]) -> int:
        return sum(_differences(self._servers[key].resources or {}, offered) for key, offered in resources.items())

    def _diagnostics(self, findings: Iterable[Diagnostic], *, used: bool) -> None:
        told = [_finding(diagnostic) for diagnostic in findings]
        if told:
            self._report({"event": "diagnostics", "generation": self._generation, "findings": told, "used": used})


def _differences(before: Resources, after: Resources) -> int:
    """How many resources were added, changed or removed."""
    old = {(t, n): r.version for t, found in before.items() for n, r in found.items()}
    new = {(t, n): r.version for t, found in after.items() for n, r in found.items()}
    return len(dict(old.items() ^ new.items()))


def _finding(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.label,
        "message": diagnostic.message,
        "origin": str(diagnostic.origin) if diagnostic.origin.file else "",
        "hint": diagnostic.hint,
    }


def _due(at: datetime | None) -> bool:
    return at is not None and datetime.now(UTC) >= at


async def _waited(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def _serve(state: Path) -> None:
    parent, stop = os.getppid(), asyncio.Event()

    def report(event: dict[str, Any]) -> None:
        try:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # nobody listens any more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            stop.set()

    async def watch_parent() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(TICK)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with (state / "control-plane.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a second one would take over the sockets without a word
        orphaned = asyncio.create_task(watch_parent())
        await ControlPlane(Plan.read(state / "plan.json"), state, report).run(stop)
        orphaned.cancel()


def main(arguments: list[str]) -> int:
    """Serve the run in the state directory; 0 when it was told to end, 2 when it cannot start."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m lateen.deliver.control_plane STATE_DIR\n")
        return 2
    try:
        asyncio.run(_serve(Path(arguments[0])))
    except BlockingIOError:
        sys.stderr.write(f"lateen: another control plane serves {arguments[0]}\n")
        return 2
    except (OSError, ValueError) as error:
        sys.stderr.write(f"lateen: the control plane cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
