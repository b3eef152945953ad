"""Findings as text: for people, for programs, and for a code review on GitHub.

Keys of the JSON form are stable; a change of their meaning changes `version`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lateen.diagnostics.finding import Diagnostic, Origin, Severity
from lateen.emit import to_yaml

ReadLine = Callable[[str, int], str | None]
"""The text of a line of a file, or None where there is none to show."""

_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36"}
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_KEY_MATERIAL = re.compile(
    r"[A-Za-z0-9+/=_-]{40,}"
    r"|(?<=://)[^/\s@]+(?=@)"  # a login in a URL
    r"|(?<=\?)[\w.~%+-]+=[^\s'\",}]*"  # its query, which may hold a token
)
_WIDTH = 120


def render(
    findings: Iterable[Diagnostic], style: str = "text", *, color: bool = False, read_line: ReadLine | None = None
) -> str:
    """The findings in order of place, in `style` text, json, yaml or github; `color` matters for text alone.

    `read_line` gives the excerpts of text; by default they come from the files that the findings name. Nothing is
    shown of a Secret or a secret place, and nothing anywhere that could be key material.
    """
    ordered = sorted(findings, key=lambda f: (f.origin.file, f.origin.line, f.origin.column))
    match style:
        case "json":
            return json.dumps(_as_data(ordered), indent=2, ensure_ascii=False) + "\n"
        case "yaml":
            return to_yaml(_as_data(ordered))
        case "github":
            return "".join(f"{_github(finding)}\n" for finding in ordered)
        case "text":
            read = read_line or _reader()
            paint = _ansi if color else _plain
            blocks = [_text(finding, read, paint) for finding in ordered]
            return "".join(f"{block}\n" for block in (*blocks, _summary(ordered)))
        case _:
            raise ValueError(f"unknown style {style!r}")


def _as_data(findings: list[Diagnostic]) -> dict[str, Any]:
    counts = Counter(finding.severity for finding in findings)
    return {
        "version": 1,
        "counts": {severity.label: counts[severity] for severity in reversed(Severity)},
        "findings": [_finding_data(finding) for finding in findings],
    }


def _finding_data(finding: Diagnostic) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.label,
        "message": finding.message,
        **_origin_data(finding.origin),
        "related": [_origin_data(origin) for origin in finding.related],
        "hint": finding.hint,
        "istio": finding.istio,
    }


def _origin_data(origin: Origin) -> dict[str, Any]:
    return {
        "file": origin.file,
        "line": origin.line,
        "column": origin.column,
        "resource": origin.resource,
        "field": origin.field_path,
    }


def _github(finding: Diagnostic) -> str:
    origin = finding.origin
    properties = {"title": finding.code, "file": origin.file}
    if origin.line:
        properties |= {"line": str(origin.line), "col": str(origin.column)}
    listed = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items() if value)
    message = "\n".join(filter(None, (finding.message, finding.hint)))
    return f"::{_GITHUB[finding.severity]} {listed}::{_escape(message, '')}"


def _escape(text: str, more: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in text)


def _text(finding: Diagnostic, read_line: ReadLine, paint: Callable[[str, str], str]) -> str:
    origin = finding.origin
    severity = paint(f"{finding.code} {finding.severity.label}", _COLORS[finding.severity])
    lines = [f"{paint(str(origin), '1')}: {severity}: {finding.message}"]
    lines += _excerpt(origin, read_line, lambda mark: paint(mark, _COLORS[finding.severity]))
    if origin.resource:
        lines.append(f"  in: {origin.resource}")
    for other in finding.related:
        name = f" ({other.resource})" if other.resource and other.resource != origin.resource else ""
        lines.append(f"  related: {other}{name}")
    if finding.hint:
        lines.append(f"  hint: {finding.hint}")
    return "\n".join(lines)


def _excerpt(origin: Origin, read_line: ReadLine, mark: Callable[[str], str]) -> list[str]:
    """The line of the file with a caret below the column; nothing of what holds secrets."""
    if not origin.line or origin.secret or origin.resource.split(" ")[0] == "Secret":
        return []
    line = read_line(origin.file, origin.line)
    if line is None or not line.strip():
        return []
    start = max(0, origin.column - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = _KEY_MATERIAL.sub(lambda found: "*" * len(found[0]), line)[start : start + _WIDTH]
    blank = "".join("\t" if c == "\t" else " " for c in shown[: max(0, origin.column - 1 - start)])
    number = str(origin.line)
    return [f"  {number} | {shown}", f"  {' ' * len(number)} | {blank}{mark('^')}"]


def _reader() -> ReadLine:
    """Reads lines of files, each file once."""

    @cache
    def lines(file: str) -> list[str]:
        path = Path(file)
        return path.read_text(encoding="utf-8-sig", errors="replace").split("\n") if path.is_file() else []

    return lambda file, line: lines(file)[line - 1] if line <= len(lines(file)) else None


def _summary(findings: list[Diagnostic]) -> str:
    counts = Counter(finding.severity for finding in findings)
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    parts = [f"{counts[s]} {nouns[s]}{'s' if counts[s] > 1 else ''}" for s in reversed(Severity) if counts[s]]
    advice = f"; `lateen explain-code {findings[0].code}` says more" if findings else ""
    return (", ".join(parts) or "no findings") + advice


def _plain(text: str, _color: str) -> str:
    return text


def _ansi(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"
