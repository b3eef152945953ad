"""Does a compiled configuration hold? By Envoy's exact schema, by rules that Envoy lacks, and by Envoy itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lateen.diagnostics import Diagnostic, Severity
from lateen.diagnostics.codes.verify import REJECTED
from lateen.schema import Schema
from lateen.verification.examine import Examined, examine
from lateen.verification.places import Places
from lateen.verification.problem import Problem
from lateen.verification.references import Key, check_together
from lateen.xds.snapshot import TYPES, Snapshot

_BOOTSTRAP_TYPE = "type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap"


def verify(snapshot: Snapshot, envoy: str | Path | None = None) -> list[Diagnostic]:
    """Everything that is wrong with the configuration of one proxy, at the places in the user's YAML.

    Without `envoy` the schema of the packaged version holds. With the path of a binary its own schema does, and if
    nothing is wrong so far the binary is asked as well (it names only its first objection).
    Raises MeshError (LAT0501, LAT0502) if that binary cannot be used.
    """
    return verify_many([snapshot], envoy, workers=1)[0]


def verify_many(
    snapshots: Sequence[Snapshot], envoy: str | Path | None = None, workers: int | None = None
) -> list[list[Diagnostic]]:
    """`verify` for many proxies, in their order: resources that they share are looked at once, Envoys run in parallel.

    `workers` is how many Envoys run at a time; None is as many as there are processors.
    """
    from lateen.schema.binary import find_envoy  # noqa: PLC0415

    binary = find_envoy(envoy) if envoy else None
    schema = Schema.of(binary) if binary else Schema.default()
    known: dict[int, Examined] = {}
    found = [_check(snapshot, schema, known) for snapshot in snapshots]
    if binary:
        clean = [n for n, findings in enumerate(found) if all(d.severity is not Severity.ERROR for d in findings)]
        verdicts = _ask_all([snapshots[n] for n in clean], binary, schema, workers)
        for n, verdict in zip(clean, verdicts, strict=True):
            found[n] += verdict
    return found


def _check(snapshot: Snapshot, schema: Schema, known: dict[int, Examined]) -> list[Diagnostic]:
    """The findings of lateen itself. `known` holds what was found in dicts that several snapshots share."""
    examined: dict[Key, Examined] = {("bootstrap", ""): examine(schema, _BOOTSTRAP_TYPE, snapshot.bootstrap())}
    for attribute, type_url in TYPES.items():
        for name, config in getattr(snapshot, attribute).items():
            if id(config) not in known:
                known[id(config)] = examine(schema, type_url, config)
            examined[attribute, name] = known[id(config)]
    places = Places(snapshot)
    problems = [(key, problem) for key, found in examined.items() for problem in found.problems]
    problems += check_together(snapshot, examined)
    return list(dict.fromkeys(places.diagnostic(*key, problem) for key, problem in problems))


def _ask_all(
    snapshots: Sequence[Snapshot], binary: Path, schema: Schema, workers: int | None
) -> list[list[Diagnostic]]:
    from lateen.verification.blame import blame  # noqa: PLC0415
    from lateen.verification.envoy import ask  # noqa: PLC0415
    from lateen.verification.sandbox import Sandbox  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="lateen-verify-") as folder:
        modules = (module for snapshot in snapshots for module in snapshot.modules.values())
        sandbox = Sandbox(Path(folder), schema, modules)

        def refusal(snapshot: Snapshot) -> str:
            return ask(binary, sandbox.adapt(snapshot.static()), Path(folder))

        def verdict(snapshot: Snapshot) -> list[Diagnostic]:
            reason = refusal(snapshot)
            if not reason:
                return []
            key, reason = blame(snapshot, refusal, reason)
            return [Places(snapshot).diagnostic(*key, Problem(REJECTED, "", {"reason": reason}))]

        with ThreadPoolExecutor(max_workers=workers or len(os.sched_getaffinity(0))) as pool:
            return list(pool.map(verdict, snapshots))
