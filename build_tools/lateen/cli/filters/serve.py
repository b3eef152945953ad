"""`lateen filters serve`."""

from __future__ import annotations

import argparse
import signal
import sys
from threading import Thread
from typing import TYPE_CHECKING

from lateen.cli.filters import choose
from lateen.cli.filters.report import report_data
from lateen.cli.output import report
from lateen.diagnostics import MeshError, Severity

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic
    from lateen.filterkit.serve import ModuleServer

HELP = """Offer the modules of filters by plain HTTP, for `code.remote` of Envoy's Wasm filter; until Ctrl-C.

Each stands under a path with its SHA-256, which the configuration must name as well: Envoy checks what it gets, so that
nothing on the way has to be trusted. /index.json lists them. Lua and native filters have no module and are left out.
"""

_ENDING = (signal.SIGINT, signal.SIGTERM)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which filters, and where."""
    choose.add_arguments(parser)
    parser.add_argument(
        "--listen",
        metavar="ADDRESS:PORT",
        type=_address,
        default=("127.0.0.1", 8099),
        help="port 0: any (default 127.0.0.1:8099)",
    )


def run(args: argparse.Namespace) -> int:
    """Print URL and digest of each module, and serve them; filters without one are told if they were named.

    What ends it is waited for, not handled: a second signal, which Ctrl-C under a supervisor brings, then interrupts
    nothing on the way out. Connections end with the process, so that no client can delay it. Exit 2 if there is no
    module (LAT0650).
    """
    from lateen.filterkit.serve import ModuleServer, served  # noqa: PLC0415

    filters = choose.chosen(args.names)
    modules = [suite for suite in filters if suite.kind == "wasm"]
    severity = Severity.INFO if modules else Severity.ERROR
    without = [choose.nothing_to("serve", suite, "module", severity) for suite in filters if suite.kind != "wasm"]
    if not modules:
        raise MeshError(tuple(without))
    server = ModuleServer(args.listen, served(modules))
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    _tell(server, without if args.names else [], args)
    Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait(_ENDING)
    return 0


def _tell(server: ModuleServer, findings: list[Diagnostic], args: argparse.Namespace) -> None:
    modules = [
        {"url": f"{server.url}{path}", "sha256": found.sha256} for path, found in server.paths.items() if found.lasting
    ]
    if args.output == "text":
        report(findings, args)
        for module in modules:
            print(f"{module['url']} sha256 {module['sha256']}")
    else:
        report_data(findings, args, modules=modules)
    sys.stdout.flush()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS:PORT")
    return host.strip("[]"), int(port)
