"""From saving a file of a mesh to the last acknowledgement of its sidecars."""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import lateen
from bench import meshes
from bench.commands import ENVIRONMENT
from bench.report import Table, note
from lateen.filterkit.catalog import catalog
from lateen.identity import Authority
from lateen.model.mesh_config import MeshConfig
from lateen.runtime.child import Child
from lateen.runtime.envoy import envoy_options
from lateen.runtime.plan import Plan, Settings
from lateen.runtime.process.addresses import ClaimedBlock
from lateen.runtime.process.layout import lay_out
from lateen.runtime.state import RunDirectory, RunFiles
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy

SIDECARS = ((10, True), (10, False), (50, False), (200, False))
"""How many, and whether they are Envoys or simulated."""

EDITS = 7
PATIENCE = 120.0
COMMAND = "make bench ARGS=reload"
_EDITS = {"route": (meshes.ROUTE, "seconds", range(1, 1000)), "policy": (meshes.POLICY, "path", range(1000))}


@dataclass(slots=True)
class Events:
    """What the control plane reports, each event with the time at which it was read."""

    process: Child
    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _rest: bytes = b""

    def until_acknowledged(self, generation: int, sidecars: int) -> tuple[float, float]:
        """When a generation was compiled, and when the last sidecar had it. Raises TimeoutError."""
        deadline = time.perf_counter() + PATIENCE
        while True:
            mine = [(at, event) for at, event in self.seen if event.get("generation") == generation]
            acked = [at for at, event in mine if event["event"] == "acked"]
            if len(acked) == sidecars:
                return next(at for at, event in mine if event["event"] == "compiled"), max(acked)
            if any(event["event"] == "nack" for _, event in self.seen):
                raise ValueError(f"a sidecar refuses its configuration: {self.seen[-1]}")
            self._read(deadline)

    def until_serving(self) -> None:
        """Wait for the sockets. Raises TimeoutError."""
        deadline = time.perf_counter() + PATIENCE
        while not any(event["event"] == "serving" for _, event in self.seen):
            self._read(deadline)

    def _read(self, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(max(0.0, deadline - time.perf_counter()))
        content = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
        if not content:
            raise TimeoutError(f"the control plane is silent: {self.process.tail()}")
        now = time.perf_counter()
        *lines, self._rest = (self._rest + content).split(b"\n")
        self.seen += ((now, json.loads(line)) for line in lines)


def measure(sidecars: Sequence[tuple[int, bool]] = SIDECARS, edits: int = EDITS) -> list[Table]:
    """Seconds from a save to the compiled configuration and to the last ACK, by number of sidecars and kind of edit."""
    rows = []
    for count, real in sidecars:
        note(f"reload: {count} sidecars{', Envoys' if real else ''}")
        row: list[str | float] = [f"{count}, {'Envoys' if real else 'simulated'}"]
        with _serving(count, real) as (directory, events):
            generation = 1
            events.until_acknowledged(generation, count)
            for name, (text, key, values) in _EDITS.items():
                taken = []
                for value in values[: edits + 1]:
                    generation += 1
                    saved = _save(directory / f"{name}.yaml", text.format(**{key: value}))
                    compiled, acked = events.until_acknowledged(generation, count)
                    taken.append((compiled - saved, acked - saved))
                row += [median(part) for part in zip(*taken[1:], strict=True)]  # the first one adds the file
        rows.append(tuple(row))
    columns = ("sidecars", "route: compiled, s", "route: last ACK, s", "policy: compiled, s", "policy: last ACK, s")
    return [Table("Reload: seconds from saving a file", COMMAND, columns, tuple(rows))]


def _save(path: Path, text: str) -> float:
    """As editors do, by rename; the time of it."""
    time.sleep(0.237)  # not in step with the looks of the control plane
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)
    return time.perf_counter()


@contextmanager
def _serving(count: int, real: bool) -> Iterator[tuple[Path, Events]]:
    """A control plane and its sidecars, for a mesh of `count` workloads that is to be edited."""
    with TemporaryDirectory(prefix="lb") as folder, ClaimedBlock() as claimed:
        directory = Path(folder, "mesh")
        directory.mkdir()
        (directory / "workloads.yaml").write_text(meshes.workloads(count))
        run = RunDirectory(Path(folder, "runs"))
        mesh = lateen.load(directory)
        Authority.create(mesh.config.trust_domain).save(run.files.authority)
        plan, _ = lay_out(mesh, Settings(directory), claimed.block, run.files)
        run.files.plan.write_text(json.dumps(plan.document()))
        children = [
            Child(
                (sys.executable, "-m", "lateen.deliver.control_plane", str(run.files.root)),
                run.files.log("control-plane"),
                pipe=True,
            )
        ]
        try:
            events = Events(children[0])
            events.until_serving()
            children += _envoys(plan, run.files) if real else [_simulated(plan, run.files)]
            yield directory, events
        finally:
            stop(children)
            run.remove()


def _simulated(plan: Plan, files: RunFiles) -> Child:
    sockets = (str(planned.socket) for planned in plan.proxies)
    return Child((sys.executable, "-m", "bench.simulated", *sockets), files.log("simulated"), environment=ENVIRONMENT)


def _envoys(plan: Plan, files: RunFiles) -> list[Child]:
    for suite_filter in catalog().values():
        if suite_filter.kind == "wasm":
            (files.modules / suite_filter.module_name).write_bytes(suite_filter.module())
    compiler = lateen.Compiler(plan.mesh)
    envoys = []
    for planned in plan.proxies:
        path = files.bootstrap(planned.key)
        path.write_text(json.dumps(compiler.compile(planned.proxy).bootstrap()))
        argv = (str(find_envoy()), "--config-path", str(path), *envoy_options(MeshConfig().drain_duration))
        envoys.append(Child(argv, files.log(planned.name)))
    return envoys
