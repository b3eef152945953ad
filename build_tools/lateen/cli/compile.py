"""`lateen compile DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.cli.options import add_mesh_options, load_mesh, network
from lateen.cli.output import report

if TYPE_CHECKING:
    from lateen.model.mesh import Mesh
    from lateen.model.proxy import Proxy
    from lateen.xds.snapshot import Snapshot

HELP = """Compile a mesh to the Envoy configuration of one proxy or of all.

Without --out the resources are printed by proxy, type and name, secrets redacted. With --out each proxy gets one file
that Envoy starts with, NAME.NAMESPACE.json, and the filter modules that the files name are put into its folder
`modules`; a file that holds a gateway's key has mode 0600. Findings go to standard error."""

TYPES = ("listener", "route", "cluster", "endpoint", "secret", "extension", "bootstrap", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The mesh, which part of its configuration, and where it goes."""
    add_mesh_options(parser)
    parser.add_argument("--proxy", metavar="NAME[.NAMESPACE]", help="only this one; a Deployment: its first instance")
    parser.add_argument("--to", choices=("model", "envoy"), default="envoy", help="model: the mesh as lateen sees it")
    parser.add_argument("--type", choices=TYPES, default="all", help="only these resources (default all)")
    parser.add_argument("--place", type=network, metavar="CIDR", help="give workloads without address one of these")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write files instead")


def run(args: argparse.Namespace) -> int:
    """Print or write the configuration; exit 1 if a finding reaches the threshold, 2 on options that contradict."""
    if args.out and (args.to == "model" or args.type != "all"):
        print(
            "lateen compile: --out writes whole configurations; it takes neither --to model nor --type", file=sys.stderr
        )
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
    snapshots = {f"{proxy.name}.{proxy.namespace}": compiler.compile(proxy) for proxy in _chosen(mesh, args.proxy)}
    findings += (finding for snapshot in snapshots.values() for finding in snapshot.diagnostics)
    if args.out:
        _write(snapshots, args.out)
    else:
        parts = {key: _part(snapshot, args.type) for key, snapshot in snapshots.items()}
        _print(next(iter(parts.values())) if args.proxy else parts, args)
    return report(dict.fromkeys(findings), args)


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


def _write(snapshots: dict[str, Snapshot], folder: Path) -> None:
    from lateen.identity.files import write_all  # noqa: PLC0415

    modules = {name: content for snapshot in snapshots.values() for name, content in _modules(snapshot)}
    write_all(
        chain(
            (
                (folder / f"{key}.json", _json(snapshot.static()), 0o600 if snapshot.secrets else 0o644)
                for key, snapshot in snapshots.items()
            ),
            ((folder / "modules" / name, content, 0o644) for name, content in modules.items()),
        )
    )


def _modules(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """The built modules that a proxy's extensions name, by file name."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    text = _json(snapshot.extensions).decode()
    for suite_filter in catalog().values():
        if suite_filter.kind == "wasm" and f"/{suite_filter.module_name}" in text:
            yield suite_filter.module_name, suite_filter.module()
