"""What `up`, `down` and `proxies` say without starting anything."""

from __future__ import annotations

import argparse
import json
import signal
from pathlib import Path

import pytest
import yaml

from lateen.cli import main
from lateen.cli.up import Interrupt, _tell

MESH = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: web, command: [python3, web.py]}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "web.yaml").write_text(MESH)
    return folder


def test_proxies_lists_what_the_mesh_declares(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxies", str(mesh), "--state-dir", str(mesh / "none")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "WORKLOAD", "ADDRESS", "NODE", "ID"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["web-0.default", "sidecar", "web", "-"],
        ["web-1.default", "sidecar", "web", "-"],
    ]


@pytest.mark.parametrize("style", ["json", "yaml"])
def test_proxies_as_data(mesh: Path, capsys: pytest.CaptureFixture[str], style: str) -> None:
    assert main(["proxies", str(mesh), "-o", style]) == 0
    shown = capsys.readouterr().out
    assert "web-1.default" in shown
    if style == "json":
        assert [proxy["name"] for proxy in json.loads(shown)["proxies"]] == ["web-0.default", "web-1.default"]


def test_down_without_runs_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--state-dir", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "nothing runs\n"


def test_a_mesh_that_cannot_be_used_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web.yaml").write_text("kind: [\n")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert main(["up", str(tmp_path), "--state-dir", str(tmp_path / "runs")]) == 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert f"{tmp_path}/web.yaml:" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_only_the_first_signal_interrupts() -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        Interrupt()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"event": "ended", "process": "web-0.default.app", "status": "SIGKILL", "log": "/x.log"},
            "ended (SIGKILL), see",
        ),
        ({"event": "restarted", "process": "control-plane"}, "control-plane was started again"),
        ({"event": "compiled", "generation": 3, "changed": 2}, "generation 3: 2 resources changed"),
        ({"event": "compiled", "generation": 1, "changed": 30}, ""),
        ({"event": "acked", "proxy": "web-0.default", "generation": 1}, ""),
        (
            {
                "event": "diagnostics",
                "generation": 2,
                "used": False,
                "findings": [
                    {"code": "LAT0103", "severity": "error", "message": "no", "origin": "web.yaml:3:5", "hint": ""}
                ],
            },
            "web.yaml:3:5: LAT0103 error: no",
        ),
    ],
)
def test_what_happens_is_told_in_a_line(
    event: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _tell(event, argparse.Namespace(output="text", failure_threshold="error"))
    errors = capsys.readouterr().err
    assert said in errors
    assert bool(errors) == bool(said)


def test_proxies_are_data_in_both_formats(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for style in ("json", "yaml"):
        assert main(["proxies", str(mesh), "--state-dir", str(mesh / "none"), "-o", style]) == 0
        printed.append(yaml.safe_load(capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert [row["name"] for row in printed[0]["proxies"]] == ["web-0.default", "web-1.default"]


def test_up_does_not_read_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "-"]) == 2
    assert "standard input" in capsys.readouterr().err


def test_a_broken_edit_is_said_not_to_be_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    finding = {"code": "LAT0103", "severity": "error", "message": "no", "origin": "web.yaml:3:5", "hint": ""}
    for used in (True, False):
        event = {"event": "diagnostics", "generation": 2, "used": used, "findings": [finding]}
        _tell(event, argparse.Namespace(output="text", failure_threshold="error"))
        assert ("the mesh goes on as before" in capsys.readouterr().err) is not used
