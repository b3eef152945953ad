"""`TrafficTest`: calls and what must come back, read from the mesh's folder."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.api.check import check
from lateen.api.resource import Resource
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import traffic as codes
from lateen.source.document import Source
from lateen.source.read import read

OUTSIDE = "outside"
SIGMAS = 4


@dataclass(frozen=True, slots=True)
class Expect:
    """What one call must give; None and empty mean: not looked at.

    `error` is refused, reset or timeout. `share` maps a workload to the least and the greatest part of the calls
    that it answers. `request_headers` are those that the destination saw; None as value: absent.
    `denied_by` is Istio's policy id, or `none` when no ALLOW rule matched.
    """

    status: int | None = None
    error: str = ""
    share: dict[str, tuple[float, float]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    request_headers: dict[str, str | None] = field(default_factory=dict)
    denied_by: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, made `times` times. `source` is `NAME[.NAMESPACE]` of a workload, or `outside`."""

    name: str
    source: str
    url: str
    method: str = "GET"
    via: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    expect: Expect = Expect()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """A metric whose sum over every proxy, for these labels, must lie above a number."""

    name: str
    labels: dict[str, str]
    above: float
    origin: Origin = Origin()

    def __str__(self) -> str:
        labels = ",".join(f'{k}="{v}"' for k, v in self.labels.items())
        return f"sum({self.name}{{{labels}}}) > {self.above:g}"


@dataclass(frozen=True, slots=True)
class TrafficTest:
    """A named list of calls and metrics."""

    name: str
    calls: tuple[Call, ...]
    metrics: tuple[MetricCheck, ...]
    origin: Origin = Origin()


def load_tests(
    *sources: Path | str | Source, recursive: bool = False
) -> tuple[tuple[TrafficTest, ...], tuple[Diagnostic, ...]]:
    """Every `TrafficTest` of these sources (as `lateen.load` reads them), and what is wrong with them.

    Findings of other kinds of documents are left to whoever loads the mesh.
    """
    resources, found = check(read(*sources, recursive=recursive).documents)
    tests = tuple(_test(r) for r in resources if r.group == "lateen" and r.kind == "TrafficTest")
    findings = [d for d in found if d.origin.resource.startswith("TrafficTest ")]
    findings += [d for test in tests for call in test.calls for d in _narrow_shares(call)]
    return tests, tuple(findings)


def _test(resource: Resource) -> TrafficTest:
    spec = resource.spec
    return TrafficTest(
        name=resource.name,
        calls=tuple(_call(resource, i, call) for i, call in enumerate(spec.get("calls") or ())),
        metrics=tuple(
            MetricCheck(
                m["name"],
                {k: str(v) for k, v in (m.get("labels") or {}).items()},
                float(m.get("above", 0)),
                resource.origin("spec", "metrics", i),
            )
            for i, m in enumerate(spec.get("metrics") or ())
        ),
        origin=resource.origin(),
    )


def _call(resource: Resource, index: int, call: dict[str, Any]) -> Call:
    expect = call.get("expect") or {}
    return Call(
        name=call.get("name") or f"call {index + 1}",
        source=call["from"],
        url=call["url"],
        method=call.get("method", "GET"),
        via=call.get("via", ""),
        headers=dict(call.get("headers") or {}),
        body=call.get("body", ""),
        times=call.get("times", 1),
        expect=Expect(
            status=expect.get("status"),
            error=expect.get("error", ""),
            share={k: (float(v[0]), float(v[1])) for k, v in (expect.get("share") or {}).items()},
            headers=dict(expect.get("headers") or {}),
            request_headers=dict(expect.get("request_headers") or {}),
            denied_by=expect.get("denied_by", ""),
        ),
        origin=resource.origin("spec", "calls", index),
    )


def needed_times(low: float, high: float) -> int:
    """How many calls a band needs so that chance leaves it less than once in 15,000 runs (4 sigma on each side).

    The share is taken to be the middle of the band; a band that touches 0 or 1 on both sides of that needs one call.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    variance = middle * (1 - middle)
    if half == 0 or variance == 0:
        return 1
    return math.ceil(variance * (SIGMAS / half) ** 2 - 1e-9)


def _narrow_shares(call: Call) -> Iterable[Diagnostic]:
    for workload, (low, high) in call.expect.share.items():
        needed = needed_times(low, high)
        if call.times < needed:
            yield codes.NARROW_SHARE.at(
                call.origin, workload=workload, low=low, high=high, times=call.times, hint=f"times: {needed}"
            )
