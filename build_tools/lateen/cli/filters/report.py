"""Findings of a verb, alone or with what it has to tell."""

from __future__ import annotations

import argparse
import json
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

from lateen.cli.output import print_data, report

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic


def report_text(findings: list[Diagnostic], args: argparse.Namespace) -> int:
    """Print findings, if there are any; gives the exit code."""
    return report(findings, args, sys.stdout) if findings else 0


def report_data(findings: list[Diagnostic], args: argparse.Namespace, **more: Any) -> int:
    """Print findings as every command does, with what this one adds; gives the exit code."""
    text = StringIO()
    code = report(findings, argparse.Namespace(**(vars(args) | {"output": "json"})), text)
    print_data({**json.loads(text.getvalue()), **more}, args.output)
    return code
