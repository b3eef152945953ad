"""The public API does what its description says, on the example and on small meshes."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lateen
from lateen.model.placement import place_by_cidr

STOREFRONT = Path(__file__).resolve().parents[2] / "envoy_configs" / "storefront"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: http, port: 80}]}\n"
RULE = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  hosts: [a]\n  http:\n"


def documents() -> list[str]:
    """Those of the example, its MeshConfig aside."""
    texts = [path.read_text() for path in sorted(STOREFRONT.glob("*.yaml")) if path.name != "mesh.yaml"]
    return [one for text in texts for one in re.split(r"^---\s*$", text, flags=re.MULTILINE) if one.strip()]


def compiled(text: str) -> list[tuple[str, bytes]]:
    """Every byte that is emitted for each proxy, in order."""
    mesh = lateen.load(lateen.Source(text, "in.yaml"), mesh_config=STOREFRONT / "mesh.yaml")
    compiler = lateen.Compiler(place_by_cidr(mesh, "192.0.2.0/24"))
    snapshots = [compiler.compile(proxy) for proxy in compiler.mesh.proxies()]
    return [(s.proxy.node_id, orjson.dumps([s.to_dict(), s.bootstrap(), s.static()])) for s in snapshots]


DOCUMENTS = documents()
EXPECTED = compiled("\n---\n".join(DOCUMENTS))


@settings(max_examples=6, deadline=None)
@given(st.integers(min_value=0))
def test_property_the_order_of_documents_changes_no_byte(seed: int) -> None:
    assert compiled("\n---\n".join(Random(seed).sample(DOCUMENTS, len(DOCUMENTS)))) == EXPECTED


@settings(max_examples=4, deadline=None)
@given(st.lists(st.sampled_from(["\n", "# a comment\n", "---\n"]), min_size=1, max_size=5))
def test_property_lines_at_the_top_of_a_file_change_no_byte(lines: list[str]) -> None:
    assert compiled("".join(lines) + "\n---\n".join(DOCUMENTS)) == EXPECTED


def test_no_stage_changes_what_another_made() -> None:
    mesh = place_by_cidr(lateen.load(STOREFRONT), "192.0.2.0/24")
    compiler = lateen.Compiler(mesh)
    proxies = mesh.proxies()
    snapshots = [compiler.compile(proxy) for proxy in proxies]

    def resources() -> list[bytes]:
        return [orjson.dumps(snapshot.to_dict()) for snapshot in snapshots]

    before, model = resources(), repr(mesh)
    for snapshot in snapshots:
        assert lateen.verify(snapshot) == []
        snapshot.bootstrap()
        snapshot.static()
        snapshot.static(modules="inline")
    lateen.analyze(mesh)
    compiler.update(lateen.load(STOREFRONT))
    assert resources() == before
    assert repr(mesh) == model
    assert [orjson.dumps(lateen.compile(mesh, proxy).to_dict()) for proxy in proxies] == before


def test_every_kind_of_source_gives_the_same_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SERVICE)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SERVICE.encode())))
    sources = [path, str(path), tmp_path, str(tmp_path), SERVICE, lateen.Source(SERVICE, name="a.yaml"), "-"]
    assert {lateen.load(source).services[0].hostname for source in sources} == {"a.default.svc.cluster.local"}
    assert len(lateen.load(path, SERVICE.replace("name: a", "name: b")).services) == 2


def test_an_empty_domain_suffix_leaves_name_and_namespace() -> None:
    assert lateen.load(SERVICE, domain_suffix="").services[0].hostname == "a.default"


def test_mesh_config_is_a_mapping_yaml_or_a_file_and_replaces_the_folders(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("trustDomain: folder\n")
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "config").write_text("trustDomain: file\n")
    given = [None, {"trustDomain": "mapping"}, "trustDomain: line", "trustDomain: text\n", tmp_path / "config"]
    loaded = [lateen.load(tmp_path, mesh_config=config).config.trust_domain for config in given]
    assert loaded == ["folder", "mapping", "line", "text", "file"]


def test_an_error_holds_all_findings_and_the_mesh_of_the_valid_documents() -> None:
    rule = RULE + "  - rout: [{destination: {host: a}}]\n"
    with pytest.raises(lateen.MeshError) as raised:
        lateen.load(SERVICE, lateen.Source(rule, "rule.yaml"), "kind: [\n")
    assert [(str(d.origin), d.code) for d in raised.value.diagnostics] == [
        ("<text 2>:2:1", "LAT0003"),
        ("rule.yaml:7:5", "LAT0110"),
    ]
    assert [service.name for service in raised.value.mesh.services] == ["a"]


def test_not_strict_is_the_verdict_of_istios_webhook() -> None:
    """It drops unknown fields and judges what is left."""
    kept = lateen.load(SERVICE + "---\n" + RULE + "  - {route: [{destination: {host: a}}], tries: 1}\n", strict=False)
    assert [(d.code, d.severity) for d in kept.diagnostics] == [("LAT0110", lateen.Severity.WARNING)]
    with pytest.raises(lateen.MeshError) as raised:
        lateen.load(SERVICE + "---\n" + RULE + "  - rout: [{destination: {host: a}}]\n", strict=False)
    errors = [d.code for d in raised.value.diagnostics if d.severity is lateen.Severity.ERROR]
    assert errors == ["LAT0206"]


def test_references_to_nothing_are_findings_and_never_raise() -> None:
    mesh = lateen.load(SERVICE + "---\n" + RULE + "  - route: [{destination: {host: b}}]\n")
    [finding] = lateen.analyze(mesh)
    assert (finding.code, finding.origin.line, bool(finding.hint)) == ("LAT0301", 12, True)


def test_an_update_tells_what_changed_what_went_and_for_whom() -> None:
    workload = SERVICE.replace("{ports", "{selector: {app: w}, ports")
    workload += (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: w, labels: {app: w}}\nspec: {containers: [{name: c}]}\n"
    )
    mesh = lateen.load(workload)
    compiler = lateen.Compiler(mesh.placed({"w.default": "192.0.2.1"}))
    (proxy,) = compiler.mesh.proxies()
    compiler.compile(proxy)
    nothing = lateen.Delta(frozenset(), frozenset(), frozenset())
    assert compiler.update(mesh.placed({"w.default": "192.0.2.1"})) == nothing
    cluster, node = "outbound|80||a.default.svc.cluster.local", frozenset({proxy.node_id})
    moved = compiler.update(mesh.placed({"w.default": "192.0.2.2"}))
    assert moved == lateen.Delta(frozenset({("endpoints", cluster)}), frozenset(), node)
    gone = compiler.update(lateen.load(workload.replace("name: a", "name: b")))
    assert {("endpoints", cluster), ("clusters", cluster)} <= gone.removed
    assert ("clusters", cluster.replace("a.default", "b.default")) in gone.changed


def test_packages_and_public_functions_do_not_collide() -> None:
    code = (
        "import lateen, lateen.analysis, lateen.verification, lateen.compiler\n"
        f"mesh = lateen.load({SERVICE!r})\n"
        "snapshot = lateen.compile(mesh, lateen.Proxy(name='p'))\n"
        "assert lateen.analyze(mesh) == [] and lateen.verify(snapshot) == []\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
