"""An extension that no proxy will have is said, because it may have been there to protect something."""

from __future__ import annotations

import pytest

import lateen

PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth}
spec:
  url: %s
  type: %s
"""


@pytest.mark.parametrize(
    ("url", "kind", "found"),
    [
        ("oci://registry.example/auth:1", "HTTP", [("LAT0225", 6)]),
        ("registry.example/auth:1", "HTTP", [("LAT0225", 6)]),
        ("https://modules.example/auth.wasm", "HTTP", [("LAT0225", 6)]),
        ("lateen://tenant_context", "HTTP", []),
        ("lateen://tenant_context", "NETWORK", [("LAT0202", 7)]),
    ],
)
def test_a_filter_that_is_not_in_place_is_a_finding(url: str, kind: str, found: list[tuple[str, int]]) -> None:
    mesh = lateen.load(PLUGIN % (url, kind))
    assert [(d.code, d.origin.line) for d in mesh.diagnostics] == found
