"""`lateen patch FILE ...`."""

from __future__ import annotations

import argparse
import sys
from ipaddress import ip_address
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.cli.options import add_finding_options
from lateen.cli.output import fails, report

if TYPE_CHECKING:
    from lateen.deliver.existing import Configuration, Wanted
    from lateen.diagnostics import Diagnostic

HELP = """Put filters of the suite and Istio's telemetry into an Envoy configuration that you have.

FILE is a bootstrap in YAML or JSON; with file xDS, the bootstrap and the files of listeners, clusters and routes. Each
filter goes to the place of its phase in every HTTP connection manager (docs/patch.md says which); with --telemetry also
loggers for Istio's metrics in connection managers and TCP proxies, peer_metadata, and what Prometheus needs. What is
there keeps its place and its values. What an earlier run put in is replaced, so a second run changes nothing.

The result is printed, or written by --out with the modules beside it, once Envoy's schema and Envoy accept it. With
--check nothing is written, and the exit code is 1 if there is something to change; --diff shows it. Findings go to
standard error."""

AT = "/etc/lateen"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to patch, with what, and where it goes."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the configuration of one Envoy")
    parser.add_argument(
        "--filter",
        dest="filters",
        action="append",
        default=[],
        metavar="NAME[=CONFIG]",
        help="a filter of the suite, with the file of its configuration; may be repeated",
    )
    parser.add_argument("--telemetry", choices=("istio",), help="Istio's standard metrics")
    parser.add_argument("--workload", metavar="NAME", help="with --telemetry: the workload that metrics name")
    parser.add_argument("--namespace", metavar="NAME", help="its namespace (default `default`)")
    parser.add_argument(
        "--label", action="append", type=_label, default=[], metavar="KEY=VALUE", help="one of its labels, such as app"
    )
    parser.add_argument(
        "--direction",
        choices=("inbound", "outbound", "gateway"),
        default="gateway",
        help="which way listeners face that have no traffic_direction (default gateway)",
    )
    parser.add_argument(
        "--listener", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    parser.add_argument(
        "--prometheus",
        type=_bind,
        default="0.0.0.0:15090",
        metavar="ADDRESS:PORT",
        help="the listener for Prometheus, if none serves metrics (default 0.0.0.0:15090); `none` for none",
    )
    parser.add_argument("--modules", choices=("path", "inline"), default="path", help="how modules are named")
    parser.add_argument("--out", type=Path, metavar="PATH", help="write a file; a folder, if there are several files")
    parser.add_argument(
        "--at", type=abspath, default=AT, metavar="DIR", help=f"where Envoy finds modules/ (default {AT})"
    )
    parser.add_argument("--diff", action="store_true", help="print what changes instead of the result")
    parser.add_argument("--check", action="store_true", help="exit 1 if anything would change; write nothing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--envoy", metavar="PATH", help="default $LATEEN_ENVOY, else the installed one")
    which.add_argument("--no-envoy", action="store_true", help="only the schema of the packaged version and the rules")
    add_finding_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print, write or compare; exit 1 if something stands in the way, or with --check, if something would change."""
    if contradiction := _contradiction(args):
        print(f"lateen patch: {contradiction}", file=sys.stderr)
        return 2
    from lateen.deliver.existing import patch, read_configurations, verdict  # noqa: PLC0415
    from lateen.deliver.existing.output import changed, lost_comments  # noqa: PLC0415
    from lateen.deliver.existing.verdict import given_faults  # noqa: PLC0415
    from lateen.schema import PACKAGED_VERSION, Schema  # noqa: PLC0415
    from lateen.schema.binary import find_envoy, version  # noqa: PLC0415

    binary = None if args.no_envoy else find_envoy(args.envoy)
    schema = Schema.of(binary) if binary else Schema.default()
    wanted, findings = _wanted(args)
    before, faults = read_configurations(args.files, schema)
    findings += faults
    findings += given_faults(before, schema, version(binary) if binary else PACKAGED_VERSION)
    _stop_at_errors(findings)
    after, found = patch(before, wanted, schema)
    findings += found
    _stop_at_errors(findings)
    findings += verdict(before, after, wanted, schema, binary)
    _stop_at_errors(findings)
    pairs = list(zip(before, after, strict=True))
    findings += (finding for pair in pairs for finding in lost_comments(*pair))
    if fails(findings, args):
        return report(findings, args)
    findings += _give(before, after, wanted, args)
    code = report(findings, args)
    return 1 if args.check and any(changed(*pair) for pair in pairs) else code


def _stop_at_errors(findings: list[Diagnostic]) -> None:
    """Raises MeshError with all findings if one is an error: nothing can be given then."""
    from lateen.diagnostics import MeshError, Severity  # noqa: PLC0415

    if any(finding.severity is Severity.ERROR for finding in findings):
        raise MeshError(tuple(findings))


def _give(
    before: list[Configuration], after: list[Configuration], wanted: Wanted, args: argparse.Namespace
) -> list[Diagnostic]:
    """Write files, or print the difference or the only file."""
    from lateen.deliver.existing.output import difference, text, write  # noqa: PLC0415

    pairs = list(zip(before, after, strict=True))
    if args.diff:
        sys.stdout.write("".join(difference(*pair) for pair in pairs))
    if args.out:
        return write(before, after, wanted.loads if args.modules == "path" else (), args.out)
    if not (args.diff or args.check):
        sys.stdout.write(text(*pairs[0]))
    return []


def _contradiction(args: argparse.Namespace) -> str:
    names = [path.name for path in args.files]
    several, about = len(names) > 1, args.workload or args.namespace or args.label
    contradictions = (
        (not args.filters and not args.telemetry, "nothing to put in: --filter NAME=CONFIG, --telemetry istio"),
        (args.telemetry and not args.workload, "--telemetry needs --workload NAME, which metrics name"),
        (about and not args.telemetry, "--workload, --namespace and --label need --telemetry istio"),
        (args.check and args.out, "--check writes nothing; it does not go with --out"),
        (several and not (args.out or args.check or args.diff), "several files need --out DIR, --diff or --check"),
        (several and args.out and args.out.is_file(), f"several files need a folder; {args.out} is a file"),
        (len(set(names)) < len(names), "two of the files have the same name"),
    )
    return next((text for contradicts, text in contradictions if contradicts), "")


def _wanted(args: argparse.Namespace) -> tuple[Wanted, list[Diagnostic]]:
    """What the options ask for, and what is wrong with filters or their configuration."""
    from lateen.deliver.existing import Wanted  # noqa: PLC0415
    from lateen.deliver.existing.chosen import chosen  # noqa: PLC0415
    from lateen.model.proxy import Proxy  # noqa: PLC0415
    from lateen.xds.filters.chain import Direction  # noqa: PLC0415

    filters, findings = chosen([tuple(given.partition("=")[::2]) for given in args.filters])
    namespace = args.namespace or "default"
    proxy = Proxy(args.workload, namespace, labels=dict(args.label)) if args.telemetry else None
    wanted = Wanted(
        tuple(filters),
        proxy,
        Direction(args.direction),
        frozenset(args.listener),
        f"{args.at}/modules" if args.modules == "path" else None,
        args.prometheus,
    )
    return wanted, findings


def _label(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{given!r} is not KEY=VALUE")
    return key, value


def _bind(given: str) -> dict[str, Any] | None:
    """The socket address of `ADDRESS:PORT`; None for `none`."""
    if given == "none":
        return None
    host, _, port = given.rpartition(":")
    try:
        bind = str(ip_address(host.strip("[]")))
        if not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is not ADDRESS:PORT") from None
    return {"socket_address": {"address": bind, "port_value": int(port)}}
