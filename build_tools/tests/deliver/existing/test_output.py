"""What is printed and written: the difference, comments, modes, modules."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from lateen.cli import main
from lateen.filterkit.catalog import catalog

MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
SECRET = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
ENVOY = f"""\
static_resources:
  listeners:
  - name: web
    address: {{socket_address: {{address: 127.0.0.1, port_value: 8080}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {MANAGER}
          stat_prefix: web
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: []}}]}}
          server_name: {SECRET}
          http_filters:
          - {{name: router, typed_config: {{"@type": {ROUTER}}}}}
"""
TELEMETRY = ("--telemetry", "istio", "--workload", "web", "--no-envoy")


@pytest.fixture
def envoy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "envoy.yaml"
    path.write_text(ENVOY)
    return path


def test_the_difference_shows_what_comes_and_hides_what_could_be_a_key(
    envoy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--diff"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("--- envoy.yaml\n+++ envoy.yaml\n")
    assert "+          - name: istio.metadata_exchange\n" in shown
    assert SECRET not in shown
    assert " server_name: [redacted]\n" in shown
    assert envoy.read_text() == ENVOY


def test_check_tells_by_its_exit_code(envoy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--check"]) == 1
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--out", "envoy.yaml"]) == 0
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_file_keeps_its_mode_and_gets_its_modules(envoy: Path, tmp_path: Path) -> None:
    envoy.chmod(0o600)
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--out", "new/web.yaml", "--at", "/srv/envoy"]) == 0
    written = tmp_path / "new" / "web.yaml"
    assert written.stat().st_mode & 0o777 == 0o600
    [module] = (tmp_path / "new" / "modules").iterdir()
    assert module.read_bytes() == catalog()["peer_metadata"].module()
    assert f"filename: /srv/envoy/modules/{module.name}\n" in written.read_text()


def test_a_link_gives_way_and_what_it_led_to_stays(envoy: Path, tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to(envoy)
    assert main(["patch", "link.yaml", *TELEMETRY, "--out", "link.yaml"]) == 0
    assert not (tmp_path / "link.yaml").is_symlink()
    assert envoy.read_text() == ENVOY


def test_modules_can_be_inside(envoy: Path, tmp_path: Path) -> None:
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--modules", "inline", "--out", "new/web.yaml"]) == 0
    assert base64.b64encode(catalog()["peer_metadata"].module()).decode() in (tmp_path / "new" / "web.yaml").read_text()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["web.yaml"]


def test_what_cannot_be_written_leaves_everything_as_it_was(envoy: Path, tmp_path: Path) -> None:
    (tmp_path / "modules").write_text("in the way")
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--out", "envoy.yaml"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["envoy.yaml", "modules"]
    assert envoy.read_text() == ENVOY


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (ENVOY, ""),
        (ENVOY.replace("name: web\n", 'name: "#web"\n'), ""),
        (ENVOY.replace("stat_prefix: web", "stat_prefix: a#b"), ""),
        (f"{ENVOY}# the end\n", "15:1"),
        (ENVOY.replace("listeners:\n", "listeners: # all\n"), "2:14"),
        (f"node: {{id: \u00e9\u4e2d\U0001f600}} # us\n{ENVOY}", "1:17"),
        (f"node:\n  id: |- # which\n    a # b\n{ENVOY}", "2:10"),
    ],
)
def test_comments_are_missed_where_there_are_some(
    text: str, place: str, envoy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    envoy.write_text(text)
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--prometheus", "none"]) == 0
    found = [line for line in capsys.readouterr().err.splitlines() if "LAT0667" in line and "explain" not in line]
    assert [line.partition(": ")[0] for line in found] == ([f"envoy.yaml:{place}"] if place else [])


def test_one_listener_of_several_can_be_chosen(envoy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = ENVOY.partition("listeners:\n")[2].replace("name: web", "name: other").replace("8080", "8081")
    envoy.write_text(ENVOY + other)
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--listener", "other", "--prometheus", "none"]) == 0
    first, second = yaml.safe_load(capsys.readouterr().out)["static_resources"]["listeners"]
    assert "istio.stats" not in str(first)
    assert "istio.stats" in str(second)


def test_the_direction_of_a_listener_is_its_own_else_that_of_the_option(
    envoy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reporter(*options: str) -> str:
        assert main(["patch", "envoy.yaml", *TELEMETRY, *options, "--prometheus", "none"]) == 0
        [listener] = yaml.safe_load(capsys.readouterr().out)["static_resources"]["listeners"]
        [logger] = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
        tags = logger["typed_config"]["counters"][0]["stat"]["tags"]
        return f"{listener.get('traffic_direction')} {tags[0]['value_format']}"

    assert reporter() == "None source"
    assert reporter("--direction", "inbound") == "INBOUND destination"
    assert reporter("--direction", "outbound") == "OUTBOUND source"
    envoy.write_text(ENVOY.replace("  - name: web\n", "  - name: web\n    traffic_direction: INBOUND\n"))
    assert reporter("--direction", "outbound") == "INBOUND destination"
    envoy.write_text(envoy.read_text().replace("traffic_direction: INBOUND", "traffic_direction: 2"))
    assert reporter("--direction", "inbound") == "2 source"
