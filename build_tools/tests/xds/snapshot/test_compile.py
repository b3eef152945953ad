"""What holds for every compiled mesh: the same bytes for the same mesh, whatever the order of its documents."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import orjson
import pytest

import lateen
from lateen.model.placement import place_by_cidr
from lateen.source.document import Source

GOLDEN = Path(__file__).parents[2] / "golden" / "snapshot"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/in.yaml"))


def compiled_bytes(text: str) -> dict[str, bytes]:
    mesh = place_by_cidr(lateen.load(Source(text, "in.yaml")), "192.0.2.0/24")
    return {
        proxy.node_id: orjson.dumps(lateen.compile(mesh, proxy).to_dict(), option=orjson.OPT_SORT_KEYS)
        for proxy in mesh.proxies()
    }


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_documents_changes_no_byte(case: str) -> None:
    text = (GOLDEN / case / "in.yaml").read_text()
    documents = re.split(r"^---$", text, flags=re.MULTILINE)
    expected = compiled_bytes(text)
    for seed in range(3):
        shuffled = Random(seed).sample(documents, len(documents))
        assert compiled_bytes("\n---\n".join(shuffled)) == expected


def test_a_blank_line_changes_no_byte() -> None:
    text = (GOLDEN / "authorization" / "in.yaml").read_text()
    assert compiled_bytes(f"\n\n{text}") == compiled_bytes(text)


def test_compiling_one_proxy_leaves_what_others_got_as_it_was() -> None:
    text = (GOLDEN / "two-services" / "in.yaml").read_text()
    mesh = place_by_cidr(lateen.load(Source(text, "in.yaml")), "192.0.2.0/24")
    compiler = lateen.Compiler(mesh)
    snapshots = [compiler.compile(proxy) for proxy in mesh.proxies()]
    before = [orjson.dumps(snapshot.to_dict()) for snapshot in snapshots]
    for snapshot in snapshots:
        snapshot.static()
        snapshot.bootstrap()
    compiler.update(mesh)
    assert [orjson.dumps(snapshot.to_dict()) for snapshot in snapshots] == before


def test_gateway_findings_do_not_repeat() -> None:
    text = (GOLDEN / "shared-ports" / "in.yaml").read_text()
    mesh = place_by_cidr(lateen.load(Source(text, "in.yaml")), "192.0.2.0/24")
    (proxy,) = (p for p in mesh.proxies() if p.name == "client")
    found = lateen.compile(mesh, proxy).diagnostics
    assert len(set(found)) == len(found)
    assert [finding.code for finding in found] == ["LAT0441"]
