"""Where exceptions become exit codes: the one place that does it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable

from lateen.cli.output import report_failure
from lateen.diagnostics import MeshError


def run_command(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Call a command; a MeshError is printed as findings, an OSError as one line, both without a traceback."""
    try:
        return run(args)
    except MeshError as error:
        return report_failure(error, args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"lateen: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:  # an internal error must not look like a finding (exit 1), which Python's own exit would
        traceback.print_exc()
        return 2
