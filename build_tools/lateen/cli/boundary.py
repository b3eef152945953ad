"""Where exceptions become exit codes: the one place that does it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, cast

from lateen.cli.output import report
from lateen.diagnostics import MeshError, Severity


def run_command(command: Any, args: argparse.Namespace) -> int:
    """Call a command's `run`; a MeshError is printed as findings, an OSError as one line, both without a traceback.

    Errors that lie in no file are faults of usage or of the machine (a proxy that does not exist, no Envoy): exit 2.
    """
    run = cast("Callable[[argparse.Namespace], int]", command)
    try:
        return run(args)
    except MeshError as error:
        report(error.diagnostics, args)
        return 1 if any(d.origin.file for d in error.diagnostics if d.severity is Severity.ERROR) else 2
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
