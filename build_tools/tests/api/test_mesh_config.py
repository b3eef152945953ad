"""MeshConfig in each of its forms: what it sets, and where its faults stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lateen.api.mesh_config import check_mesh_config
from lateen.diagnostics import Severity
from lateen.source.document import Source
from lateen.source.read import read

FULL = """\
accessLogFile: /dev/stdout
connectTimeout: 5s
defaultConfig:
  holdApplicationUntilProxyStarts: true
  proxyMetadata: {A: b}
  proxyStatsMatcher: {inclusionRegexps: [".*"]}
  tracing: {sampling: 100, zipkin: {address: "zipkin:9411"}}
defaultProviders: {metrics: [prometheus]}
enableAutoMtls: true
extensionProviders:
- name: log
  envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {code: "%RESPONSE_CODE%"}}}
- name: authz
  envoyExtAuthzGrpc: {service: authz.default.svc.cluster.local, port: 9000}
localityLbSetting: {enabled: false}
meshMTLS: {minProtocolVersion: TLSV1_3}
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
rootNamespace: istio-system
tcpKeepalive: {probes: 3, time: 10s}
trustDomain: td1
trustDomainAliases: [td2]
"""


def config_map(mesh: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n  mesh: {mesh}"


def test_nothing_given_sets_nothing() -> None:
    assert check_mesh_config(None) == ({}, ())


def test_every_form_says_the_same() -> None:
    as_text, found = check_mesh_config(FULL)
    assert found == ()
    assert as_text["tcpKeepalive"] == {"probes": 3, "time": "10s"}
    indented = "|\n" + "".join(f"    {line}\n" for line in FULL.splitlines())
    for document in (read(Source(FULL, "mesh.yaml")).mesh_config, read(config_map(indented)).mesh_config):
        assert check_mesh_config(document) == (as_text, ())
    assert check_mesh_config(dict(as_text)) == (as_text, ())


FAULTS = [
    ("LAT0110", "accessLogFle: x\n", 1, 1, 'did you mean "accessLogFile"?'),
    ("LAT0110", "defaultConfig:\n  accessLogFile: x\n", 2, 3, "accessLogFile is a field of the document"),
    ("LAT0110", "access_log_file: x\n", 1, 1, 'did you mean "accessLogFile"?'),
    ("LAT0111", "enableAutoMtls: 'true'\n", 1, 17, "must be a boolean"),
    ("LAT0112", "outboundTrafficPolicy: {mode: ALLOW}\n", 1, 31, 'did you mean "ALLOW_ANY"?'),
    ("LAT0113", "proxyHttpPort: 70000\n", 1, 16, "from 0 to 65535"),
    ("LAT0115", "connectTimeout: soon\n", 1, 17, "form duration"),
    ("LAT0116", "extensionProviders:\n- prometheus: {}\n", 2, 3, "extensionProviders[0].name is required"),
    ("LAT0117", "extensionProviders: [{name: a, prometheus: {}, datadog: {}}]\n", 1, 48, "`prometheus` and `datadog`"),
    ("LAT0120", "- a\n", 1, 1, "not a list"),
    ("LAT0003", "a: [\n", 2, 1, "did not find"),
]


@pytest.mark.parametrize(("code", "text", "line", "column", "says"), FAULTS)
def test_a_fault_stands_at_its_place(code: str, text: str, line: int, column: int, says: str) -> None:
    _, found = check_mesh_config(text)
    assert [(f.code, f.origin.line, f.origin.column) for f in found] == [(code, line, column)]
    assert says in f"{found[0].message} | {found[0].hint}"


@pytest.mark.parametrize("style", ["|", "|-", "|+\n"])
def test_a_fault_in_a_literal_config_map_stands_in_its_file(style: str) -> None:
    text = config_map(f"{style}\n    trustDomain: a\n    defaultConfig:\n      concurency: 2\n")
    _, found = check_mesh_config(read(Source(text, "cm.yaml")).mesh_config)
    line = text[: text.index("concurency")].count("\n") + 1
    assert [str(f.origin) for f in found] == [f"cm.yaml:{line}:7"]


@pytest.mark.parametrize("mesh", ['"trustDomain: a\\nconcurency: 2\\n"', '"a: ["', ">\n    concurency: 2\n"])
def test_a_fault_in_a_quoted_config_map_stands_at_the_text(mesh: str) -> None:
    _, found = check_mesh_config(read(Source(config_map(mesh), "cm.yaml")).mesh_config)
    assert [str(f.origin) for f in found] == ["cm.yaml:5:9"]


def test_what_is_wrong_with_a_mapping_is_left_out_of_it() -> None:
    config, found = check_mesh_config({"trustDomainAliases": ["a", 5, "b"]})
    assert config == {"trustDomainAliases": ["a", "b"]}
    assert [(f.code, str(f.origin)) for f in found] == [("LAT0111", "<mesh config>")]


def test_named_text_gives_its_name_to_findings() -> None:
    _, found = check_mesh_config(Source("x: 1\n", "conf/mesh.yaml"))
    assert [str(f.origin) for f in found] == ["conf/mesh.yaml:1:1"]


def test_a_file_gives_its_name_to_findings_and_may_hold_the_config_map(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("accessLogFile: /dev/stdout\nx: 1\n")
    _, found = check_mesh_config(path)
    assert [str(f.origin) for f in found] == [f"{path}:2:1"]
    path.write_text(config_map("|\n    trustDomain: a\n"))
    assert check_mesh_config(path) == ({"trustDomain": "a"}, ())
    path.write_bytes(b"trustDomain: \xff\n")
    _, found = check_mesh_config(path)
    assert [f.code for f in found] == ["LAT0002"]


def test_unknown_fields_are_warnings_when_not_strict() -> None:
    config, found = check_mesh_config({"trustDomain": "a", "x": 1}, strict=False)
    assert config == {"trustDomain": "a"}
    assert [(f.code, f.severity) for f in found] == [("LAT0110", Severity.WARNING)]


@pytest.mark.parametrize("empty", ["", "# nothing\n", {}])
def test_an_empty_mesh_config_sets_nothing(empty: Any) -> None:
    assert check_mesh_config(empty) == ({}, ())
