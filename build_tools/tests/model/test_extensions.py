"""What WasmPlugin and TrafficExtension say, and what of it has no effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import lateen
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh

Load = Callable[..., Mesh]

PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth}
spec:
  url: %s
  %s
"""


def plugin(url: str, fields: str = "") -> Mesh:
    return lateen.load(PLUGIN % (url, fields))


def extension(url: str, fields: str = "") -> Extension:
    (found,) = plugin(url, fields).extensions
    return found


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("registry.example/auth:1", "oci://registry.example/auth:1"),
        ("oci://registry.example/auth:1", "oci://registry.example/auth:1"),
        ("https://modules.example/auth.wasm", "https://modules.example/auth.wasm"),
        ("file:///opt/auth.wasm", "file:///opt/auth.wasm"),
    ],
)
def test_a_module_that_was_not_fetched_is_known_at_its_url(url: str, meant: str) -> None:
    found = extension(url)
    assert found.url == meant
    assert found.unavailable is not None
    assert (found.unavailable.code, found.unavailable.origin.line) == ("LAT0230", 6)


@pytest.mark.parametrize(
    ("url", "fields", "findings"),
    [
        ("lateen://tenant_context", "", []),
        ("lateen://tenant_context", "type: NETWORK", [("LAT0202", 7)]),
        ("lateen://tenant_context", "failStrategy: FAIL_CLOSE", [("LAT0202", 7)]),
        ("lateen://tenant_context", "vmConfig: {env: [{name: A, value: b}]}", [("LAT0202", 7)]),
        ("lateen://peer_metadata", "failStrategy: FAIL_CLOSE", []),
        ("lateen://peer_metadata", f"sha256: '{'0' * 64}'", [("LAT0202", 7)]),
        ("oci://a.b/c", "imagePullSecret: s", []),
        ("https://a.b/c", "imagePullSecret: s", [("LAT0202", 7)]),
        ("https://a.b/c", "imagePullPolicy: Always", []),
        ("file://c.wasm", "imagePullPolicy: Always", [("LAT0202", 7)]),
        ("https://a.b/c", "verificationKey: k", [("LAT0202", 7)]),
        ("https://a.b/c", "vmConfig: {env: [{name: A, valueFrom: HOST}]}", []),
    ],
)
def test_what_has_no_effect_is_said(url: str, fields: str, findings: list[tuple[str, int]]) -> None:
    assert [(d.code, d.origin.line) for d in plugin(url, fields).diagnostics] == findings


@pytest.mark.parametrize(
    ("url", "fields", "always"),
    [
        ("a.b/c:1", "", False),
        ("a.b/c:latest", "", True),
        ("a.b/c:latest", "imagePullPolicy: IfNotPresent", False),
        ("a.b/c:1", "imagePullPolicy: Always", True),
        ("a.b/c:latest", "imagePullPolicy: UNSPECIFIED_POLICY", True),
        ("https://a.b/c.wasm", "", False),
        ("https://a.b/c.wasm", "imagePullPolicy: Always", True),
    ],
)
def test_which_modules_each_fetch_asks_for_anew(url: str, fields: str, always: bool) -> None:
    assert extension(url, fields).always_pull is always


def test_the_environment_is_that_of_the_document_and_of_envoy() -> None:
    found = extension("a.b/c:1", "vmConfig: {env: [{name: B, valueFrom: HOST}, {name: A, value: x}, {name: C}]}")
    assert (found.env, found.host_env) == ((("A", "x"), ("C", "")), ("B",))


@pytest.mark.parametrize(("name", "meant"), [("s", "s"), ("other/s", "s"), ("kubernetes://other/s", "s")])
def test_a_pull_secret_is_one_of_the_extensions_namespace(name: str, meant: str) -> None:
    assert extension("a.b/c:1", f"imagePullSecret: {name}").pull_secret == meant


def test_a_url_with_credentials_is_refused_and_not_repeated(mesh_of: Load) -> None:
    mesh = mesh_of(PLUGIN % ("https://ci:hunter2@modules.example/auth.wasm", ""))
    (finding,) = mesh.diagnostics
    assert finding.code == "LAT0236"
    assert "hunter2" not in f"{finding}{finding.hint}{mesh.extensions}"
