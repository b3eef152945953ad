"""`lateen verify`: what a folder must hold to pass, and what is said when it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lateen.cli import main

MESH = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
"""
LUA = """\
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: glue}
spec:
  lua: {inlineCode: "CODE"}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(MESH)
    return tmp_path


def test_a_mesh_that_holds_is_one_line_on_stderr(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(mesh)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"\N{CHECK MARK} {mesh}: 2 proxies hold (Envoy 1.40.0)\n"


def test_without_envoy_it_says_so(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(mesh), "--no-envoy"]) == 0
    assert "Envoy not asked" in capsys.readouterr().err


def test_a_fault_of_many_proxies_is_told_once_at_its_place(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mesh / "lua.yaml").write_text("# glue\n" + LUA.replace("CODE", "function ("))
    assert main(["verify", str(mesh), "-o", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["code"] == "LAT0519"
    assert finding["message"].startswith("Envoy rejects extension extensions.istio.io/trafficextension/default.glue: ")
    assert finding["file"].endswith("lua.yaml")
    assert finding["line"] > 1


def test_a_field_that_is_wrong_is_told_before_anything_is_compiled(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mesh / "lua.yaml").write_text(LUA.replace("inlineCode", "inlineCod"))
    assert main(["verify", str(mesh)]) == 1
    assert "LAT01" in capsys.readouterr().out


def test_a_missing_envoy_is_a_finding(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(mesh), "--envoy", "/no/such/envoy"]) == 2
    assert "LAT0501" in capsys.readouterr().out


def test_wrong_usage_exits_with_2(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--place", "nonsense"], ["--envoy", "x", "--no-envoy"]):
        with pytest.raises(SystemExit) as exit_:
            main(["verify", str(mesh), *wrong])
        assert exit_.value.code == 2
    capsys.readouterr()
    assert main(["verify", str(mesh / "none")]) != 0
    assert "Traceback" not in capsys.readouterr().err
