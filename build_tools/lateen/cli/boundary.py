"""Where exceptions become exit codes: the one place that does it."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable

from lateen.cli.output import report_failure
from lateen.diagnostics import MeshError


def run_command(run: Callable[[argparse.Namespace], int], args: argparse.Namespace, *, collect: bool = True) -> int:
    """Call a command; a MeshError is printed as findings, an OSError as one line, both without a traceback.

    Without `collect` nobody looks for reference cycles meanwhile: loading and compiling make millions of values that
    stay and next to no cycles, and the search takes more than half of their time.
    """
    if not collect:
        gc.disable()
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
    finally:
        gc.enable()
