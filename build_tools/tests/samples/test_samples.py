"""The shapes of well-known sample applications: read without a complaint, and what is not run of them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import lateen
from lateen.compiler import Compiler
from lateen.diagnostics import Severity
from lateen.model.placement import place_by_cidr
from lateen.runtime.plan import Settings
from lateen.runtime.process.addresses import Block
from lateen.runtime.process.layout import lay_out
from lateen.runtime.state import RunFiles
from lateen.schema.binary import find_envoy
from lateen.verification import verify_many

FOLDER = Path(__file__).parent
SAMPLES = sorted(FOLDER.glob("*.yaml"))
EXAMPLES = [path for path in sorted((FOLDER.parents[2] / "envoy_configs").iterdir()) if any(path.glob("*.yaml"))]


@pytest.mark.parametrize("path", [*SAMPLES, *EXAMPLES], ids=lambda path: path.stem)
def test_nothing_is_wrong_with_it_and_envoy_takes_what_is_compiled(path: Path) -> None:
    mesh = place_by_cidr(lateen.load(path), "192.0.2.0/24")
    assert [str(d) for d in (*mesh.diagnostics, *lateen.analyze(mesh)) if d.severity > Severity.INFO] == []
    compiler = Compiler(mesh)
    snapshots = [compiler.compile(proxy) for proxy in mesh.proxies()]
    assert snapshots
    assert [str(d) for snapshot in snapshots for d in snapshot.diagnostics] == []
    assert [str(d) for found in verify_many(snapshots, find_envoy()) for d in found] == []


def told(name: str) -> set[tuple[str, str]]:
    """What the process runtime says of a sample: code and what it is about."""
    mesh = lateen.load(FOLDER / name)
    _, findings = lay_out(mesh, Settings(FOLDER / name), Block(), RunFiles(Path("/run/lateen/0123abcd")))
    return {(f.code, f.message.partition(" has no")[0]) for f in findings}


def test_what_a_process_cannot_give_is_told_for_each_sample() -> None:
    assert told("small.yaml") == {
        ("LAT0710", "container httpbin of httpbin"),
        ("LAT0710", "container tcp-echo of tcp-echo-v1"),
        ("LAT0707", "volume secret-volume of curl"),
    }
    spec = "spec.template.spec"
    assert told("boutique.yaml") == {
        ("LAT0710", "container server of frontend"),
        ("LAT0710", "container server of cartservice"),
        ("LAT0710", "container redis of redis-cart"),
        ("LAT0707", f"{spec}.securityContext of frontend"),
        ("LAT0707", f"{spec}.containers[0].securityContext of frontend"),
        ("LAT0707", f"{spec}.containers[0].resources of frontend"),
        ("LAT0707", "runAsUser 1000 of container server of frontend"),
        ("LAT0707", "volume redis-data of redis-cart"),
    }
