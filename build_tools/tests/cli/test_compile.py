"""`lateen compile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.cli.compile import BUNDLES, LIVE
from lateen.deliver.bundles import FORMS

MESH = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
"""
EDGE = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata: {annotations: {inject.istio.io/templates: gateway}, labels: {istio: edge}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
type: kubernetes.io/tls
stringData: {tls.crt: CHAIN-TEXT, tls.key: KEY-TEXT}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, credentialName: cert}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> str:
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "web.yaml").write_text(MESH)
    return str(folder)


def test_one_proxy_is_printed_by_type_and_name(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", mesh, "--place", "192.0.2.0/24", "--proxy", "web"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    kinds = ["listeners", "routes", "clusters", "endpoints", "secrets", "extensions", "bootstrap"]
    assert list(found) == kinds
    assert "virtualInbound" in found["listeners"]
    assert found["bootstrap"]["node"]["id"].startswith("sidecar~192.0.2.1~web-0.default~")
    assert printed.err == ""


def test_all_proxies_are_printed_by_key(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", mesh, "--place", "192.0.2.0/24", "--type", "cluster"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["web-0.default", "web-1.default"]
    assert "inbound|8080||" in found["web-1.default"]


def test_a_type_can_be_had_as_yaml(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compile", mesh, "--place", "192.0.2.0/24", "--proxy", "web-0.default", "--type", "route"]
    assert main([*arguments, "-o", "yaml"]) == 0
    assert '"8080":\n  name: "8080"\n' in capsys.readouterr().out


def test_no_address_is_invented(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", mesh, "--proxy", "web", "--type", "bootstrap"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["node"]["id"].startswith("sidecar~0.0.0.0~")
    assert printed.err.count("2 workload instances have no address") == 1


def test_files_start_an_envoy_and_have_their_modules_beside_them(mesh: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["compile", mesh, "--place", "192.0.2.0/24", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.glob("*.json")) == ["web-0.default.json", "web-1.default.json"]
    text = (out / "web-0.default.json").read_text()
    (module,) = (out / "modules").iterdir()
    assert f"/etc/lateen/modules/{module.name}" in text
    assert (out / "web-0.default.json").stat().st_mode & 0o777 == 0o644


def test_a_file_with_a_key_is_its_owners_and_what_is_printed_has_none(
    mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(mesh, "edge.yaml").write_text(EDGE)
    out = tmp_path / "out"
    assert main(["compile", mesh, "--place", "192.0.2.0/24", "--out", str(out)]) == 0
    assert (out / "edge-0.default.json").stat().st_mode & 0o777 == 0o600
    for arguments in (["--proxy", "edge"], ["--to", "model"]):
        capsys.readouterr()
        assert main(["compile", mesh, "--place", "192.0.2.0/24", *arguments]) == 0
        printed = capsys.readouterr().out
        assert "[redacted]" in printed
        assert "KEY-TEXT" not in printed
        assert "S0VZLVRFWFQ" not in printed


def test_the_model_is_the_mesh_as_plain_data(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", mesh, "--to", "model"]) == 0
    (service,) = json.loads(capsys.readouterr().out)["services"]
    assert service["hostname"] == "web.default.svc.cluster.local"
    assert service["ref"]["origin"].endswith("web.yaml:4:18")


def test_an_unknown_proxy_is_a_usage_error(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", mesh, "--proxy", "wbe"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "LAT0447 error: the mesh has no proxy wbe" in printed.err


def test_file_xds_is_a_folder_that_names_itself(mesh: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["compile", mesh, "--place", "192.0.2.0/24", "--bundle", "files", "--out", str(out), "--at", "/srv/e/"]
    assert main(arguments) == 0
    folder = out / "web-0.default"
    assert {"bootstrap.json", "cds.json", "lds.json", "modules", "secrets"} == {path.name for path in folder.iterdir()}
    assert json.loads((folder / "bootstrap.json").read_text())["dynamic_resources"]["lds_config"] == {
        "path_config_source": {"path": "/srv/e/web-0.default/lds.json"},
        "resource_api_version": "V3",
    }
    assert '"/srv/e/web-0.default/modules/peer_metadata-' in (folder / "lds.json").read_text()
    assert '"/srv/e/web-0.default/certs/key.pem"' in (folder / "secrets" / "default.json").read_text()


def test_a_workload_that_is_gone_takes_its_files_with_it(mesh: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["compile", mesh, "--bundle", "files", "--out", str(out)]
    assert main(arguments) == 0
    Path(mesh, "web.yaml").write_text(MESH.replace("replicas: 2", "replicas: 1"))
    assert main([*arguments, "--proxy", "web"]) == 0
    assert (out / "web-1.default").exists()
    assert main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == [".lateen", "web-0.default"]


@pytest.mark.parametrize("bundle", ["static", "files", "resources", "compose"])
@pytest.mark.parametrize(
    "broken",
    ["spec: {hosts: [web], htp: []}", "spec: {hosts: [web], http: [{match: [{uri: {regex: '('}}], route: R}]}"],
    ids=["field", "regex"],
)
def test_a_broken_edit_writes_nothing(mesh: str, tmp_path: Path, bundle: str, broken: str) -> None:
    out = tmp_path / "out"
    arguments = ["compile", mesh, "--place", "192.0.2.0/24", "--bundle", bundle, "--out", str(out)]
    assert main(arguments) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    Path(mesh, "web.yaml").write_text(
        f"{MESH.replace('8080', '9090')}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: web}}\n{broken.replace('R', '[{destination: {host: web}}]')}\n"
    )
    assert main(arguments) == 1
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_forms_are_those_of_deliver() -> None:
    assert tuple(FORMS) == BUNDLES
    assert set(LIVE) < set(BUNDLES)


def test_nothing_is_written_above_the_threshold(mesh: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["compile", mesh, "--failure-threshold", "info", "--out", str(out)]) == 1
    assert not out.exists()


def test_a_gateway_is_no_sidecar_beside_an_application(
    mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(mesh, "edge.yaml").write_text(EDGE)
    out = tmp_path / "out"
    arguments = ["compile", mesh, "--bundle", "compose", "--out", str(out)]
    assert main(arguments) == 1
    assert not out.exists()
    assert "edge.yaml:5:18: LAT0821 error: edge-0.default cannot run" in capsys.readouterr().err
    assert main([*arguments, "--proxy", "web", "--image", "mirror.example/envoy:v1"]) == 0
    assert "mirror.example/envoy:v1" in (out / "web-0.default/compose.yaml").read_text()


def test_a_place_that_cannot_be_written_is_one_line(
    mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["compile", mesh, "--place", "192.0.2.0/24", "--out", str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.splitlines() == [f"lateen: {tmp_path}/file/out/.lateen: Not a directory"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bundle", "files"],
        ["--at", "/srv"],
        ["--out", "o", "--image", "envoy"],
        ["--out", "o", "--bundle", "files", "--image", "envoy"],
    ],
)
def test_options_about_files_need_files(mesh: str, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["compile", mesh, *arguments]) == 2
    assert capsys.readouterr().err.startswith("lateen compile: --")


@pytest.mark.parametrize("arguments", [["--to", "model"], ["--type", "route"]])
def test_options_that_contradict_are_a_usage_error(
    mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["compile", mesh, "--out", str(tmp_path / "out"), *arguments]) == 2
    assert not (tmp_path / "out").exists()
    assert "--out" in capsys.readouterr().err


def test_a_network_that_is_none_is_a_usage_error(mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["compile", mesh, "--place", "everywhere"])
    assert stopped.value.code == 2
    assert "--place" in capsys.readouterr().err
