"""What `lateen patch` cannot use: one finding at its place, and nothing printed or written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lateen.cli import main

MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
GOOD = f"""\
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
          http_filters:
          - {{name: router, typed_config: {{"@type": {ROUTER}}}}}
"""
TENANTS = "header: x-tenant\nsources: [{path: {prefix: /t/}}]\n"
TELEMETRY = ("--telemetry", "istio", "--workload", "web")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tests run, with a filter's configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants.yaml").write_text(TENANTS)
    return tmp_path


def findings(printed: pytest.CaptureFixture[str]) -> list[tuple[str, str, int, int]]:
    """Code and place of each finding; nothing but findings was printed."""
    captured = printed.readouterr()
    assert captured.out == ""
    return [(f["code"], f["file"], f["line"], f["column"]) for f in json.loads(captured.err)["findings"]]


CASES = {
    "nothing": ("", ("LAT0660", 0, 0)),
    "two documents": (f"{GOOD}---\n{GOOD}", ("LAT0660", 15, 1)),
    "a list": ("- name: web\n", ("LAT0660", 1, 1)),
    "something of Kubernetes": ("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", ("LAT0660", 1, 1)),
    "a dump": ('{"configs": []}', ("LAT0660", 1, 1)),
    "a resource by itself": ("name: web\nfilter_chains: []\n", ("LAT0660", 1, 1)),
    "somebody else's file": ("services: {web: {image: web}}\n", ("LAT0660", 1, 1)),
    "broken YAML": ("static_resources:\n  listeners: [\n", ("LAT0003", 0, 0)),
    "a key twice": (f"node: {{id: a, id: b}}\n{GOOD}", ("LAT0004", 1, 15)),
    "a template": (GOOD.replace("8080", "{{ .Values.port }}"), ("LAT0661", 4, 64)),
    "a template that is YAML": (GOOD.replace("8080", '"${PORT}"'), ("LAT0661", 4, 64)),
    "the v2 API": (
        GOOD.replace(
            MANAGER, "type.googleapis.com/envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager"
        ),
        ("LAT0662", 9, 20),
    ),
    "an unknown field": (
        GOOD.replace("stat_prefix: web", "stat_prefix: web\n          server_nam: x"),
        ("LAT0503", 11, 23),
    ),
    "no connection manager": ("admin: {}\n", ("LAT0663", 1, 1)),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_file_that_is_not_understood_is_one_finding(
    text: str, expected: tuple[str, int, int], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "envoy.yaml").write_text(text)
    out = folder / "out.yaml"
    argv = ["patch", "envoy.yaml", "--filter", "tenant_context=tenants.yaml", "--no-envoy", "-o", "json"]
    assert main([*argv, "--out", str(out)]) == 1
    code, line, column = expected
    found = findings(capsys)
    assert [each[0] for each in found] == [code]
    if line:
        assert found == [(code, "envoy.yaml", line, column)]
    assert sorted(path.name for path in folder.iterdir()) == ["envoy.yaml", "tenants.yaml"]


def test_a_filter_that_refuses_its_configuration_is_a_finding_in_that_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "envoy.yaml").write_text(GOOD)
    (folder / "tenants.yaml").write_text("header: x-tenant\nsources:\n- host: {suffix: shop.example}\n")
    argv = ["patch", "envoy.yaml", "--filter", "tenant_context=tenants.yaml", "--no-envoy", "-o", "json"]
    assert main(argv) == 1
    assert findings(capsys) == [("LAT0692", "tenants.yaml", 3, 18)]


@pytest.mark.parametrize("given", ["tenant-context=tenants.yaml", "tenant_context"])
def test_a_filter_that_is_named_wrongly_is_a_fault_of_usage(
    given: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "envoy.yaml").write_text(GOOD)
    assert main(["patch", "envoy.yaml", "--filter", given, "--no-envoy", "-o", "json"]) == 2
    assert {place for _, *place_of in findings(capsys) for place in place_of[:1]} == {""}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--telemetry", "istio"),
        ("--filter", "tenant_context=tenants.yaml", "--label", "app=web"),
        (*TELEMETRY, "--check", "--out", "out.yaml"),
        ("other.yaml", *TELEMETRY),
        ("other.yaml", *TELEMETRY, "--out", "tenants.yaml"),
        ("sub/envoy.yaml", *TELEMETRY, "--diff"),
    ],
)
def test_options_that_contradict_are_a_fault_of_usage(
    options: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "envoy.yaml").write_text(GOOD)
    assert main(["patch", "envoy.yaml", *options]) == 2
    assert capsys.readouterr().err.startswith("lateen patch: ")


def test_a_file_that_is_not_there_is_a_fault_of_the_machine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patch", "envoy.yaml", *TELEMETRY]) == 2
    assert capsys.readouterr().err == "lateen: envoy.yaml: No such file or directory\n"


def test_two_bootstraps_are_not_one_envoy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.yaml", "b.yaml"):
        (folder / name).write_text(GOOD)
    assert main(["patch", "a.yaml", "b.yaml", *TELEMETRY, "--no-envoy", "--check", "-o", "json"]) == 1
    assert findings(capsys) == [("LAT0660", "b.yaml", 1, 1)]


def test_where_listeners_are_is_said_when_they_are_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "{resource_api_version: V3, path_config_source: {path: /etc/envoy/lds.yaml}}"
    (folder / "envoy.yaml").write_text(f"dynamic_resources: {{lds_config: {source}}}\n")
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--no-envoy"]) == 1
    assert "hint: listeners are in /etc/lateen" not in (said := capsys.readouterr().err)
    assert "listeners are in /etc/envoy/lds.yaml: name that file too" in said


def test_a_listener_of_another_name_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "envoy.yaml").write_text(GOOD)
    assert main(["patch", "envoy.yaml", *TELEMETRY, "--listener", "wbe", "--no-envoy", "-o", "json"]) == 1
    assert findings(capsys) == [("LAT0663", "envoy.yaml", 1, 1)]


METRICS = {
    "no admin interface": "",
    "nothing may exist": "admin: {address: {pipe: {path: /a}}}\nstats_config: {stats_matcher: {reject_all: true}}\n",
    "ours may not exist": (
        "admin: {address: {pipe: {path: /a}}}\n"
        "stats_config: {stats_matcher: {exclusion_list: {patterns: [{prefix: wasm}]}}}\n"
    ),
    "the port is taken": ("admin: {address: {pipe: {path: /a}}}\ndynamic_resources: {}\n"),
}


@pytest.mark.parametrize(
    ("head", "port"), [(text, 9000) for text in list(METRICS.values())[:3]] + [(METRICS["the port is taken"], 8080)]
)
def test_metrics_that_nobody_would_see_are_a_warning(
    head: str, port: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "envoy.yaml").write_text(head + GOOD)
    argv = ["patch", "envoy.yaml", *TELEMETRY, "--prometheus", f"0.0.0.0:{port}", "--no-envoy", "-o", "json"]
    assert main([*argv, "--out", "out.yaml"]) == 0
    assert [code for code, *_ in findings(capsys)] == ["LAT0668"]


def test_what_envoy_refuses_after_the_patch_only_is_not_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken filter of the suite: the configuration holds without it."""
    from lateen.filterkit.catalog import Filter  # noqa: PLC0415

    monkeypatch.setattr(Filter, "lua", lambda _self, _config: "function envoy_on_request(")
    (folder / "envoy.yaml").write_text(GOOD)
    argv = ["patch", "envoy.yaml", "--filter", "tenant_context=tenants.yaml", "-o", "json"]
    assert main([*argv, "--out", "out.yaml"]) == 1
    assert findings(capsys) == [("LAT0669", "envoy.yaml", 1, 1)]
    assert not (folder / "out.yaml").exists()


@pytest.mark.parametrize("broken_too", [False, True])
def test_what_envoy_refused_before_is_told_apart_and_what_is_put_in_is_asked_about_alone(
    broken_too: bool, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lateen.filterkit.catalog import Filter  # noqa: PLC0415

    if broken_too:
        monkeypatch.setattr(Filter, "lua", lambda _self, _config: "function envoy_on_request(")
    elsewhere = "{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: elsewhere}}]}"
    (folder / "envoy.yaml").write_text(GOOD.replace('{name: all, domains: ["*"], routes: []}', elsewhere))
    argv = ["patch", "envoy.yaml", "--filter", "tenant_context=tenants.yaml", "-o", "json"]
    assert main([*argv, "--out", "out.yaml"]) == int(broken_too)
    assert [code for code, *_ in findings(capsys)] == ["LAT0669" if broken_too else "LAT0666"]
    assert (folder / "out.yaml").exists() is not broken_too
