"""Findings as text, JSON, YAML and GitHub annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lateen.diagnostics import Diagnostic, Origin, Severity
from lateen.diagnostics.render import render

LINES = {("a.yaml", 3): "metadata: {name: web, lables: {a: b}}", ("a.yaml", 4): "\tkey:\tvalue"}


def read_line(file: str, line: int) -> str | None:
    return LINES.get((file, line))


def finding(line: int = 3, column: int = 23, **more: object) -> Diagnostic:
    origin = Origin("a.yaml", line, column, "VirtualService default/web", "metadata.lables")
    values: dict[str, object] = {
        "code": "LAT0110",
        "severity": Severity.ERROR,
        "message": "unknown field",
        "origin": origin,
    }
    return Diagnostic(**{**values, **more})  # type: ignore[arg-type]


FULL = finding(related=(Origin("b.yaml", 9, 1, "Service default/web"),), hint='did you mean "labels"?')


def test_text_shows_place_line_caret_related_and_hint() -> None:
    assert render([FULL], read_line=read_line) == (
        "a.yaml:3:23: LAT0110 error: unknown field\n"
        "  3 | metadata: {name: web, lables: {a: b}}\n"
        "    |                       ^\n"
        "  in: VirtualService default/web\n"
        "  related: b.yaml:9:1 (Service default/web)\n"
        '  hint: did you mean "labels"?\n'
        "1 error; `lateen explain-code LAT0110` says more\n"
    )


def test_the_caret_keeps_its_column_after_tabs() -> None:
    lines = render([finding(4, 7)], read_line=read_line).splitlines()
    assert lines[1:3] == ["  4 | \tkey:\tvalue", "    | \t    \t^"]


def test_a_long_line_is_cut_around_its_column() -> None:
    line = "x" * 30 + " " + "ab " * 200 + "here"
    shown, caret = render([finding(5, len(line) - 3)], read_line=lambda _f, _n: line).splitlines()[1:3]
    assert len(shown) < 140
    assert shown[caret.index("^") :].startswith("here")


def test_excerpts_come_from_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("kind: X\n")
    text = render([finding(origin=Origin(str(path), 1, 7)), finding(origin=Origin(str(path), 9, 1))])
    assert "  1 | kind: X\n    |       ^\n" in text
    assert "  9 |" not in text


def test_nothing_of_a_secret_and_no_key_material_is_shown() -> None:
    key = "QmFzZTY0" * 8
    for resource in ("Secret default/tls", "Secret"):
        secret = finding(origin=Origin("a.yaml", 3, 1, resource))
        assert "lables" not in render([secret], read_line=read_line)
    shown = render([finding(3, 1)], read_line=lambda _f, _n: f"  key: {key}")
    assert key not in shown
    assert "  key: ****" in shown


@pytest.mark.parametrize(
    "line", ["url: https://ci:hunter2@a.example/b.wasm", "url: 'https://a.example/b.wasm?token=hunter2'"]
)
def test_a_login_or_token_in_a_url_is_not_shown(line: str) -> None:
    shown = render([finding(3, 1)], read_line=lambda _f, _n: line)
    assert "hunter2" not in shown
    assert "a.example/b.wasm" in shown


@pytest.mark.parametrize(
    ("severity", "summary"),
    [(Severity.ERROR, "1 error;"), (Severity.WARNING, "1 warning;"), (Severity.INFO, "1 note;")],
)
def test_the_summary_counts_by_severity(severity: Severity, summary: str) -> None:
    assert render([finding(severity=severity)], read_line=read_line).splitlines()[-1].startswith(summary)


def test_findings_come_in_order_of_place() -> None:
    found = [finding(7, 1), finding(3, 9), finding(3, 2)]
    places = [f["line"] * 10 + f["column"] for f in json.loads(render(found, "json"))["findings"]]
    assert places == [32, 39, 71]


def test_colour_is_for_text_alone_and_only_when_asked_for() -> None:
    assert "\x1b[" not in render([FULL], read_line=read_line)
    assert "\x1b[31;1m" in render([FULL], color=True, read_line=read_line)
    assert "\x1b[" not in render([FULL], "json", color=True)


def test_json_and_yaml_hold_the_same_data() -> None:
    data = json.loads(render([FULL], "json"))
    assert yaml.safe_load(render([FULL], "yaml")) == data
    assert (data["version"], data["counts"]) == (1, {"error": 1, "warning": 0, "info": 0})
    assert data["findings"][0] == {
        "code": "LAT0110",
        "severity": "error",
        "message": "unknown field",
        "file": "a.yaml",
        "line": 3,
        "column": 23,
        "resource": "VirtualService default/web",
        "field": "metadata.lables",
        "related": [{"file": "b.yaml", "line": 9, "column": 1, "resource": "Service default/web", "field": ""}],
        "hint": 'did you mean "labels"?',
        "istio": "",
    }


def test_github_annotations_escape_what_github_reads() -> None:
    odd = finding(origin=Origin("a,b:c.yaml", 3, 2), message="50%\nof it", hint="try: this", severity=Severity.INFO)
    expected = "::notice title=LAT0110,file=a%2Cb%3Ac.yaml,line=3,col=2::50%25%0Aof it%0Atry: this\n"
    assert render([odd], "github") == expected
    assert render([finding(origin=Origin())], "github") == "::error title=LAT0110::unknown field\n"


def test_no_findings_are_said_in_every_form() -> None:
    assert render([]) == "no findings\n"
    assert json.loads(render([], "json"))["findings"] == []
    assert render([], "github") == ""


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="sarif"):
        render([], "sarif")
