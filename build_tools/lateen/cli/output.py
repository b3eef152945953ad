"""Findings on a terminal or for a machine, and the exit code that they mean."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from lateen.diagnostics import Diagnostic, MeshError, Severity


def report(findings: Iterable[Diagnostic], args: argparse.Namespace, stream: TextIO | None = None) -> int:
    """Print findings to `stream` (default stderr) in the format of `args`; 1 if one reaches the threshold, else 0.

    The exit code never depends on the format.
    """
    out = sys.stderr if stream is None else stream
    findings = list(findings)
    style = getattr(args, "output", "text")
    if findings or style != "text":
        from lateen.diagnostics.render import render  # noqa: PLC0415

        out.write(render(findings, style, color=use_color(out)))
        out.flush()
    return int(fails(findings, args))


def fails(findings: Iterable[Diagnostic], args: argparse.Namespace) -> bool:
    """Whether one of them reaches the threshold of `args`."""
    threshold = Severity[getattr(args, "failure_threshold", "error").upper()]
    return any(f.severity >= threshold for f in findings)


def report_failure(error: MeshError, args: argparse.Namespace, stream: TextIO | None = None) -> int:
    """Print why a mesh cannot be used: exit 1, or 2 if no error lies in a file.

    What lies in no file is a fault of usage or of the machine (a proxy that does not exist, no Envoy).
    """
    report(error.diagnostics, args, stream)
    return failure_code(error.diagnostics)


def failure_code(findings: Iterable[Diagnostic]) -> int:
    """The exit code of findings that end in failure: 1 if an error lies in a file, else 2."""
    return 1 if any(f.origin.file for f in findings if f.severity is Severity.ERROR) else 2


def print_data(value: Any, style: str) -> None:
    """Print a result for machines: YAML if `style` is that, else JSON."""
    if style == "yaml":
        from lateen.emit import to_yaml  # noqa: PLC0415

        print(to_yaml(value), end="")
    else:
        print(json.dumps(value, indent=2, ensure_ascii=False))


def use_color(stream: TextIO) -> bool:
    """Colour on a terminal only, never with NO_COLOR or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
