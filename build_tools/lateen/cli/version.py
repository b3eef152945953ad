"""`lateen version`."""

from __future__ import annotations

import argparse

HELP = "Print the version of lateen."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes nothing."""


def run(_args: argparse.Namespace) -> int:
    """Print the version; exit 0."""
    from lateen import __version__  # noqa: PLC0415

    print(f"lateen {__version__}")
    return 0
