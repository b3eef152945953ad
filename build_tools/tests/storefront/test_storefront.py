"""The example: faultless, as a cluster with Istio would take it, and compiled as its golden files say."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import lateen
from lateen.api.check import check
from lateen.cli import main
from lateen.diagnostics import Severity
from lateen.model.placement import place_by_cidr
from lateen.source.read import read

ROOT = Path(__file__).resolve().parents[3]
STOREFRONT = ROOT / "envoy_configs" / "storefront"
COMPILED = STOREFRONT / "compiled"
OURS = "tenants.yaml"


def test_it_has_no_faults() -> None:
    mesh = lateen.load(STOREFRONT)
    found = lateen.analyze(mesh)
    assert [str(d) for d in found if d.severity > Severity.INFO] == []


def test_every_istio_document_follows_the_crds() -> None:
    """`lateen://` is the one extension of Istio's schema, and stands in one file."""
    documents = read(STOREFRONT).documents
    resources, found = check(documents, strict=True)
    assert found == ()
    assert sum(r.group.endswith("istio.io") for r in resources) >= 14
    assert [p.name for p in sorted(STOREFRONT.glob("*.yaml")) if "lateen://" in p.read_text()] == [OURS]


def test_no_key_is_committed() -> None:
    text = "".join(p.read_text() for p in STOREFRONT.rglob("*") if p.is_file() and p.suffix in (".yaml", ".json"))
    assert "PRIVATE KEY" not in text
    assert "insecureSkipVerify" not in text


def test_compiled_configuration_is_what_the_compiler_gives(golden: object, tmp_path: Path) -> None:
    assert main(["compile", str(STOREFRONT), "--place", "192.0.2.0/24", "--out", str(tmp_path)]) == 0
    made = {p.name: p.read_text() for p in tmp_path.glob("*.json")}
    if os.environ.get("LATEEN_GOLDEN") == "write":
        shutil.rmtree(COMPILED, ignore_errors=True)
        COMPILED.mkdir()
        for name, text in made.items():
            (COMPILED / name).write_text(text)
    committed = {p.name: p.read_text() for p in COMPILED.glob("*.json")}
    assert made.keys() == committed.keys(), "make golden"
    for name, text in made.items():
        assert json.loads(text) == json.loads(committed[name]), f"{name} differs: make golden"
        assert text == committed[name], f"{name} differs in form: make golden"


def findings(directory: Path) -> list[lateen.Diagnostic]:
    """What loading, analysis and compiling of every proxy find."""
    mesh = lateen.load(directory)
    placed = place_by_cidr(mesh, "192.0.2.0/24")
    compiled = [d for proxy in placed.proxies() for d in lateen.compile(placed, proxy).diagnostics]
    return [*lateen.analyze(mesh), *compiled]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("routing.yaml", "destination: {host: catalog, subset: v2}", "destination: {host: catalgo, subset: v2}"),
        ("routing.yaml", "subset: v2}\n  - name: split", "subset: v3}\n  - name: split"),
        ("routing.yaml", "  host: catalog\n  trafficPolicy", "  hots: catalog\n  trafficPolicy"),
        ("routing.yaml", "retries: {attempts: 2", "retries: {attempts: two"),
        ("policy.yaml", "mtls: {mode: STRICT}", "mtls: {mode: STRCT}"),
        ("policy.yaml", "kind: PeerAuthentication", "kind: PeerAuthentification"),
        ("ingress.yaml", "gateways: [shop]", "gateways: [shpo]"),
        ("ingress.yaml", '"*.shop.example"]\n  gateways', '"*.*.example"]\n  gateways'),
        ("egress.yaml", "credentialName: partner-ca", "credentialName: partner-ac"),
        ("partner.yaml", "resolution: STATIC", "resolution: STATTIC"),
        ("telemetry.yaml", "providers: [{name: stdout}]", "providers: [{name: stdotu}]"),
        ("tenants.yaml", "url: lateen://tenant_context", "url: lateen://tenant_contxt"),
        ("tenants.yaml", "header: x-tenant", "heder: x-tenant"),
        ("mesh.yaml", "enableAutoMtls: true", "enableAutoMtls: yess"),
        ("web.yaml", "targetPort: 8080", "targetPort: 80800"),
        ("catalog.yaml", "  replicas: 2", "  replicas: 2\n  replicas: 3"),
    ],
)  # fmt: skip
def test_breaking_one_resource_is_found_at_its_line(file: str, old: str, new: str, tmp_path: Path) -> None:
    for path in STOREFRONT.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    broken = text.replace(old, new, 1)
    (tmp_path / file).write_text(broken)
    differing = [i for i, (a, b) in enumerate(zip(text.splitlines(), broken.splitlines(), strict=False), 1) if a != b]
    try:
        found = findings(tmp_path)
    except lateen.MeshError as error:
        found = list(error.diagnostics)
    grave = [d for d in found if d.severity > Severity.INFO]
    assert grave, "nothing was found"
    assert any(Path(d.origin.file).name == file and d.origin.line in differing for d in grave), [str(d) for d in grave]
