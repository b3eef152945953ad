"""`lateen up`."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from lateen.cli.options import add_mesh_options, mesh_sources
from lateen.cli.output import report
from lateen.diagnostics import MeshError

if TYPE_CHECKING:
    from types import FrameType

    from lateen.runtime.events import Event
    from lateen.runtime.supervisor import Running

HELP = """\
Run a mesh without a cluster: start what its Deployments describe, a real Envoy beside each workload, and a control
plane that follows the files of DIR.

Exit codes: 0 after Ctrl-C, or when every expectation of --once held; 1 when one failed; 2 when it could not start.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, and what to do with it."""
    add_mesh_options(parser)
    parser.add_argument("--once", action="store_true", help="make the calls of DIR's TrafficTests, judge them, and end")
    parser.add_argument("--traffic", action="store_true", help="repeat the calls of DIR's TrafficTests, 20 a second")
    parser.add_argument("--runtime", choices=["process", "docker"], default="process", help="what instances become")
    parser.add_argument("--envoy", metavar="PATH", help="the Envoy to run (default: $LATEEN_ENVOY, the package, PATH)")
    parser.add_argument(
        "--metrics-port", metavar="PORT", type=int, default=0, help="of the metrics endpoint (free one)"
    )
    parser.add_argument("--state-dir", metavar="PATH", help="where runs keep their files (default: the user's own)")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=60.0, help="for the start (default 60)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every command that is executed")


class Interrupt:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt and ignores further ones: cleaning up is on.

    `seen` is for loops, because Python drops an exception that hits it in a finalizer.
    """

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self.seen:
            self.seen = True
            raise KeyboardInterrupt


def run(args: argparse.Namespace) -> int:
    """Run the mesh until Ctrl-C, or with `--once` until its tests are judged."""
    from pathlib import Path  # noqa: PLC0415

    from lateen.runtime.plan import Settings  # noqa: PLC0415
    from lateen.runtime.supervisor import Options, start  # noqa: PLC0415

    sources = mesh_sources(args)
    if "-" in sources:
        print("lateen up: it follows the files of DIR, which standard input is not", file=sys.stderr)
        return 2
    interrupt = Interrupt()
    first, *more = (Path(source).absolute() for source in sources)
    settings = Settings(
        first,
        Path(args.mesh_config).absolute() if args.mesh_config else None,
        args.domain_suffix,
        args.strict,
        more=tuple(more),
        recursive=args.recursive,
        cache=Path(args.cache).absolute() if args.cache else None,
    )
    options = Options(
        runtime=args.runtime,
        envoy=args.envoy,
        timeout=args.timeout,
        base=Path(args.state_dir).absolute() if args.state_dir else None,
        notify=lambda event: _tell(event, args),
        started=_say_command if args.verbose else lambda _name, _argv: None,
    )
    ready = False
    try:
        with start(settings, options) as running:
            ready = True
            report(running.diagnostics, args)
            try:
                return _judge(running, args) if args.once else _serve(running, args, interrupt)
            finally:
                interrupt.seen = True  # what is being cleaned up is cleaned up whole
    except MeshError as error:
        report(error.diagnostics, args)
        return 2
    except KeyboardInterrupt:
        return 0 if ready and not args.once else 130


def _judge(running: Running, args: argparse.Namespace) -> int:
    """Make every call once and print what held."""
    from lateen.cli.up_view import print_report  # noqa: PLC0415
    from lateen.runtime.traffic import run_once  # noqa: PLC0415

    if not running.tests:
        print(
            "lateen up: there is no TrafficTest among the files; that the mesh started is all that is known",
            file=sys.stderr,
        )
    outcome = run_once(running.view, running.mesh, running.tests)
    print_report(outcome, running, args.output)
    return 0 if outcome.held else 1


def _serve(running: Running, args: argparse.Namespace, interrupt: Interrupt) -> int:
    """Show the mesh until Ctrl-C."""
    import threading  # noqa: PLC0415

    from lateen.cli.up_view import show  # noqa: PLC0415
    from lateen.runtime.observe.endpoint import metrics_endpoint  # noqa: PLC0415
    from lateen.runtime.traffic import repeat  # noqa: PLC0415

    stop = threading.Event()
    traffic = threading.Thread(target=repeat, args=(running.view, running.mesh, running.tests, stop), daemon=True)
    with metrics_endpoint(running.view.proxies, args.metrics_port) as url:
        try:
            if args.traffic:
                traffic.start()
            show(running, url, lambda: interrupt.seen)
        finally:
            stop.set()
            if args.traffic:
                traffic.join()
    return 0


def _say_command(name: str, argv: tuple[str, ...]) -> None:
    import shlex  # noqa: PLC0415

    print(f"{name}: {shlex.join(argv)}", file=sys.stderr)


def _tell(event: Event, args: argparse.Namespace) -> None:
    """Print what a user must know of a running mesh; a thread of the run calls this."""
    from lateen.runtime.events import findings_of  # noqa: PLC0415

    match event:
        case {"event": "nack" | "diagnostics" | "full"}:
            report(findings_of(event), args)
            if event.get("used") is False:
                print("lateen: that edit is not in force, the mesh goes on as before", file=sys.stderr)
        case {"event": "compiled", "generation": int(generation), "changed": int(changed)} if generation > 1:
            print(f"lateen: generation {generation}: {changed} resources changed", file=sys.stderr)
        case {"event": "preparing", "what": what}:
            print(f"lateen: {what}", file=sys.stderr)
        case {"event": "ended", "process": name, "status": status, "log": log}:
            print(f"lateen: {name} ended ({status}), see {log}", file=sys.stderr)
        case {"event": "unhealthy", "process": name, "reason": reason}:
            print(f"lateen: {name} is ended, its probe fails: {reason}", file=sys.stderr)
        case {"event": "restarted", "process": name}:
            print(f"lateen: {name} was started again", file=sys.stderr)
