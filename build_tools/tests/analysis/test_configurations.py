"""Faults in what a filter's configuration is compiled from are found where they stand, in whichever file that is."""

from __future__ import annotations

from pathlib import Path

import lateen
from lateen.analysis import analyze
from lateen.diagnostics import Diagnostic

EXTENSION = """\
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: operations}
spec:
  wasm:
    url: lateen://%s
    pluginConfig:
"""
CLASSIFIER = EXTENSION % "operation_classifier"
QUOTA = EXTENSION % "quota"


def found(tmp_path: Path, mesh: str, **documents: str) -> list[Diagnostic]:
    """The findings of a mesh with documents in the folder `apis`."""
    (tmp_path / "apis").mkdir()
    for name, text in documents.items():
        (tmp_path / "apis" / f"{name}.yaml").write_text(text)
    (tmp_path / "mesh-files.yaml").write_text(mesh)
    return [finding for finding in analyze(lateen.load(tmp_path)) if finding.code.startswith("LAT068")]


def place(tmp_path: Path, finding: Diagnostic) -> tuple[str, str, int, int]:
    file = Path(finding.origin.file).relative_to(tmp_path)
    return finding.code, str(file), finding.origin.line, finding.origin.column


def test_a_file_that_is_not_there_is_named_at_its_line(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, CLASSIFIER + "      openapi: {file: apis/shop.yaml}\n")
    assert place(tmp_path, finding) == ("LAT0680", "mesh-files.yaml", 8, 23)
    assert finding.message == "the file 'apis/shop.yaml' cannot be read"


def test_a_fault_of_a_document_stands_in_the_document(tmp_path: Path) -> None:
    shop = "openapi: 3.0.0\npaths:\n  /a:\n    get: {}\n  orders/{id}:\n    get: {}\n"
    (finding,) = found(tmp_path, CLASSIFIER + "      openapi: [{file: apis/shop.yaml}]\n", shop=shop)
    assert place(tmp_path, finding) == ("LAT0681", "apis/shop.yaml", 5, 3)
    assert finding.message == "paths.orders/{id}: the path 'orders/{id}' does not begin with /"


def test_a_document_that_is_no_yaml_is_shown_where_it_breaks(tmp_path: Path) -> None:
    broken = "openapi: 3.0.0\npaths: {/a: [}\n"
    (finding,) = found(tmp_path, CLASSIFIER + "      openapi: {file: apis/shop.yaml}\n", shop=broken)
    assert place(tmp_path, finding)[:3] == ("LAT0681", "apis/shop.yaml", 2)


def test_a_path_that_stands_there_twice_is_shown_where_it_does(tmp_path: Path) -> None:
    twice = "openapi: 3.0.0\npaths:\n  /a: {get: {}}\n  /a: {put: {}}\n"
    (finding,) = found(tmp_path, CLASSIFIER + "      openapi: {file: apis/shop.yaml}\n", shop=twice)
    assert place(tmp_path, finding) == ("LAT0681", "apis/shop.yaml", 4, 3)
    assert "the key '/a' stands there twice" in finding.message


def test_paths_with_dots_are_found_in_a_document_in_place(tmp_path: Path) -> None:
    document = "      openapi:\n        document:\n          openapi: 3.0.0\n          paths:\n"
    (finding,) = found(tmp_path, CLASSIFIER + document + "            /a.b:\n              get: 1\n")
    assert place(tmp_path, finding) == ("LAT0681", "mesh-files.yaml", 13, 20)


def test_operations_that_cannot_be_told_apart_and_limits_have_codes_of_their_own(tmp_path: Path) -> None:
    shop = f"openapi: 3.0.0\npaths:\n  '/{{a}}': {{get: {{}}}}\n  '/{{b}}': {{get: {{operationId: {'x' * 201}}}}}\n"
    again = "openapi: 3.0.0\npaths:\n  '/{c}': {get: {operationId: c}}\n"
    mesh = CLASSIFIER + "      openapi: [{file: apis/shop.yaml}, {file: apis/again.yaml}]\n"
    findings = found(tmp_path, mesh, shop=shop, again=again)
    assert [place(tmp_path, finding) for finding in findings] == [
        ("LAT0682", "apis/again.yaml", 3, 12),
        ("LAT0683", "apis/shop.yaml", 4, 12),
    ]


def test_a_quota_that_contradicts_itself_is_named(tmp_path: Path) -> None:
    limits = "      limits:\n      - {name: a, requests: 1, window: 10ms}\n"
    (finding,) = found(tmp_path, QUOTA + limits)
    assert place(tmp_path, finding) == ("LAT0685", "mesh-files.yaml", 9, 40)
    assert finding.message == "a window of 10ms is shorter than 50ms"


def test_what_is_right_is_not_spoken_of(tmp_path: Path) -> None:
    shop = "openapi: 3.0.0\npaths:\n  /a: {get: {}}\n"
    assert found(tmp_path, CLASSIFIER + "      openapi: {file: apis/shop.yaml}\n", shop=shop) == []
