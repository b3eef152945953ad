"""`lateen compile DIR`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.cli.options import add_mesh_options, load_mesh, network
from lateen.cli.output import fails, report

if TYPE_CHECKING:
    from lateen.diagnostics import Diagnostic
    from lateen.model.mesh import Mesh
    from lateen.model.proxy import Proxy
    from lateen.xds.snapshot import Snapshot

HELP = """Compile a mesh to the Envoy configuration of one proxy or of all.

Without --out the resources are printed by proxy, type and name, secrets redacted. With --out they become files, in the
form that --bundle names:

  static     NAME.NAMESPACE.json: all in one file, for an Envoy that is restarted for a change
  files      NAME.NAMESPACE/: an Envoy that starts with its bootstrap.json follows each later compile by itself
  resources  NAME.NAMESPACE.json: DiscoveryResponses for somebody else's control plane
  compose    NAME.NAMESPACE/: those of `files`, and a compose.yaml with an application, its sidecar and the redirection

Filter modules are put beside them; a file that holds a gateway's key has mode 0600. All but `static`, which Envoy
judges when it starts, are checked as by `lateen verify --no-envoy`. Nothing is written if a finding reaches the
threshold. What an earlier run wrote for proxies that are gone is removed (not with --proxy, and never what lateen did
not write: the file .lateen says what it did). Findings go to standard error."""

TYPES = ("listener", "route", "cluster", "endpoint", "secret", "extension", "bootstrap", "all")
BUNDLES = ("static", "files", "resources", "compose")
LIVE = ("files", "resources", "compose")
"""Forms that an Envoy may take while it serves, so that they are verified first; of `static` Envoy is the judge."""

AT = "/etc/lateen"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, which part of its configuration, and where it goes."""
    add_mesh_options(parser)
    parser.add_argument("--proxy", metavar="NAME[.NAMESPACE]", help="only this one; a Deployment: its first instance")
    parser.add_argument("--to", choices=("model", "envoy"), default="envoy", help="model: the mesh as lateen sees it")
    parser.add_argument("--type", choices=TYPES, default="all", help="only these resources (default all)")
    parser.add_argument("--place", type=network, metavar="CIDR", help="give workloads without address one of these")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write files instead")
    parser.add_argument("--bundle", choices=BUNDLES, help="form of the files (default static)")
    parser.add_argument("--at", type=abspath, metavar="DIR", help=f"where Envoy finds what --out writes (default {AT})")
    parser.add_argument(
        "--image", help="Envoy's image in compose.yaml (default: the stock one of the schema's version)"
    )


def run(args: argparse.Namespace) -> int:
    """Print or write the configuration; exit 1 if a finding reaches the threshold, 2 on options that contradict."""
    if contradiction := _contradiction(args):
        print(f"lateen compile: {contradiction}", file=sys.stderr)
        return 2
    from lateen.compiler import Compiler  # noqa: PLC0415
    from lateen.model.placement import place_by_cidr, unplaced  # noqa: PLC0415
    from lateen.model.plain import plain  # noqa: PLC0415

    mesh = load_mesh(args)
    if args.place:
        mesh = place_by_cidr(mesh, args.place)
    findings = [*mesh.diagnostics, *unplaced(mesh)]
    if args.to == "model":
        _print(plain(mesh), args)
        return report(findings, args)
    compiler = Compiler(mesh)
    snapshots = [compiler.compile(_located(proxy, args)) for proxy in _chosen(mesh, args.proxy)]
    findings += (finding for snapshot in snapshots for finding in snapshot.diagnostics)
    if args.out:
        return _write(mesh, snapshots, findings, args)
    parts = {f"{each.proxy.name}.{each.proxy.namespace}": _part(each, args.type) for each in snapshots}
    _print(next(iter(parts.values())) if args.proxy else parts, args)
    return report(dict.fromkeys(findings), args)


def _contradiction(args: argparse.Namespace) -> str:
    if args.out and (args.to == "model" or args.type != "all"):
        return "--out writes whole configurations; it takes neither --to model nor --type"
    if not args.out and (args.bundle or args.at or args.image):
        return "--bundle, --at and --image are about files; they need --out"
    if args.image and args.bundle != "compose":
        return "--image is the image in compose.yaml; it needs --bundle compose"
    return ""


def _located(proxy: Proxy, args: argparse.Namespace) -> Proxy:
    """The proxy with the folders that it finds modules and certificates in, unless its own metadata says others."""
    if not args.out:
        return proxy
    at = args.at or AT
    if args.bundle in ("files", "compose"):
        at = f"{at}/{proxy.name}.{proxy.namespace}"
    folders = {"LATEEN_MODULE_DIR": f"{at}/modules", "LATEEN_CERT_DIR": f"{at}/certs"}
    return replace(proxy, metadata=folders | dict(proxy.metadata))


def _chosen(mesh: Mesh, name: str | None) -> tuple[Proxy, ...]:
    """The proxy of that name, or all. Raises MeshError if there is none of that name."""
    if name is None:
        return mesh.proxies()
    workload = mesh.workload(name)
    found = tuple(p for p in mesh.proxies() if workload and f"{p.name}.{p.namespace}" == workload.key)
    if not found:
        from lateen.diagnostics import MeshError, Origin  # noqa: PLC0415
        from lateen.diagnostics.codes.listeners import UNKNOWN_PROXY  # noqa: PLC0415

        raise MeshError((UNKNOWN_PROXY.at(Origin(), name=name, hint=UNKNOWN_PROXY.fix),), mesh)
    return found


def _part(snapshot: Snapshot, kind: str) -> Any:
    if kind == "bootstrap":
        return snapshot.bootstrap()
    resources = snapshot.to_dict()
    return resources | {"bootstrap": snapshot.bootstrap()} if kind == "all" else resources[f"{kind}s"]


def _print(value: Any, args: argparse.Namespace) -> None:
    if args.output == "yaml":
        from lateen.emit import to_yaml  # noqa: PLC0415

        sys.stdout.write(to_yaml(value))
    else:
        sys.stdout.write(_json(value).decode())


def _json(value: Any) -> bytes:
    import orjson  # noqa: PLC0415

    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _write(mesh: Mesh, snapshots: list[Snapshot], findings: list[Diagnostic], args: argparse.Namespace) -> int:
    """Write the bundles unless something is wrong with one of them."""
    from lateen.deliver.bundles import FORMS, Target, write  # noqa: PLC0415
    from lateen.schema import PACKAGED_VERSION  # noqa: PLC0415
    from lateen.verification import verify_many  # noqa: PLC0415

    image = args.image or f"envoyproxy/envoy:v{PACKAGED_VERSION}"
    at = args.at or AT
    workloads = {workload.key: workload for workload in mesh.workloads}
    targets = [Target(s, workloads[f"{s.proxy.name}.{s.proxy.namespace}"], at, image) for s in snapshots]
    bundles = {target.key: FORMS[args.bundle or "static"](target) for target in targets}
    findings += (finding for bundle in bundles.values() for finding in bundle.findings)
    if args.bundle in LIVE:
        findings += (finding for found in verify_many(snapshots) for finding in found)
    if not fails(findings, args):
        findings += write(bundles, args.out, complete=args.proxy is None)
    return report(dict.fromkeys(findings), args)
