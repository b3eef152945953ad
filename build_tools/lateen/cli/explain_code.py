"""`lateen explain-code LATnnnn`."""

from __future__ import annotations

import argparse
import sys
import textwrap

from lateen.diagnostics import Code, find, registry

HELP = "Say what a diagnostic code means, why it matters and how to mend it; without a code, list them all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The code."""
    parser.add_argument("code", nargs="?", metavar="LATnnnn", help="the code that a finding shows")


def run(args: argparse.Namespace) -> int:
    """Print the explanation; exit 2 for a code that does not exist."""
    if args.code is None:
        print("\n".join(f"{code.code}  {code.severity.label:<7}  {code.title}" for code in registry().values()))
        return 0
    code = find(args.code)
    if code is None:
        from lateen.api.nearest import suggestion  # noqa: PLC0415

        hint = suggestion(args.code, registry()) or "without a code, all are listed"
        print(f"lateen explain-code: no code {args.code}; {hint}", file=sys.stderr)
        return 2
    print(_explanation(code))
    return 0


def _explanation(code: Code) -> str:
    parts = [f"{code.code} {code.severity.label}: {code.title}", textwrap.fill(code.why, 100)]
    for heading, text in (("Example", code.example), ("Instead", code.fix)):
        if text:
            parts.append(f"{heading}:\n{textwrap.indent(text, '    ')}")
    if code.istio:
        parts.append(f"istioctl analyze reports it as {code.istio}.")
    return "\n\n".join(parts)
