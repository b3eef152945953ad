"""The pipeline as functions: YAML to Mesh, Mesh and Proxy to Snapshot; and a compiler that tells what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lateen.api.check import check
from lateen.api.mesh_config import check_mesh_config
from lateen.diagnostics import Diagnostic, MeshError, Severity
from lateen.diagnostics.codes.api import UNKNOWN_FIELD
from lateen.model.build import build
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.modules import Locked
from lateen.source.document import Source
from lateen.source.read import located, read
from lateen.xds.snapshot import TYPES, Snapshot


def load(
    *sources: Path | str | Source,
    mesh_config: Mapping[str, Any] | str | Source | Path | None = None,
    domain_suffix: str = "cluster.local",
    strict: bool = True,
    recursive: bool = False,
    cache: Path | None = None,
) -> Mesh:
    """Read a mesh from files, folders and text.

    A Path or a one-line str is a file or folder (`-` is standard input), a str with a newline is YAML text, and a
    `Source` is text with a name. A folder is its YAML files, with `recursive` those of its subfolders too, or what its
    kustomization lists. `mesh_config` is Istio's MeshConfig as mapping, YAML or the Path of a file, and
    replaces a `mesh.yaml`.
    With an empty `domain_suffix` the short host `a` in namespace `default` means `a.default`. With `strict=False`
    unknown fields are warnings, as for Istio's webhook.
    What `lateen fetch` has fetched for extensions is taken as the `lateen.lock` beside the files and folders says, from
    `cache` (None: the user's own).

    Raises MeshError on what Istio's admission rejects, with every finding and the mesh that the valid documents gave;
    OSError if a file cannot be read. Warnings of a successful load are in `mesh.diagnostics`.
    """
    loaded = read(*sources, recursive=recursive)
    resources, found = check(loaded.documents, strict=strict)
    config, config_found = check_mesh_config(loaded.mesh_config if mesh_config is None else mesh_config, strict=strict)
    locked, lock_found = Locked.beside(located(sources), cache)
    document = loaded.mesh_config if mesh_config is None else None
    mesh, built = build(resources, config, domain_suffix, document, locked)
    early = (*loaded.diagnostics, *lock_found, *found, *config_found)
    diagnostics = tuple(dict.fromkeys((*early, *_unexplained(built, found))))
    mesh = mesh.with_diagnostics(diagnostics)
    if any(d.severity is Severity.ERROR for d in diagnostics):
        raise MeshError(diagnostics, mesh)
    return mesh


def _unexplained(built: Iterable[Diagnostic], found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """What no misspelled field explains: `rout` is one fault, not also a rule without `route`."""
    misspelled = {
        (d.origin.file, d.origin.resource, d.origin.field_path.rpartition(".")[0])
        for d in found
        if d.code == UNKNOWN_FIELD.code and d.severity is Severity.ERROR
    }
    return (d for d in built if (d.origin.file, d.origin.resource, d.origin.field_path) not in misspelled)


def compile(mesh: Mesh, proxy: Proxy) -> Snapshot:  # noqa: A001
    """The Envoy configuration of one proxy. Never raises on a loaded mesh: findings are in `snapshot.diagnostics`."""
    return Compiler(mesh).compile(proxy)


@dataclass(frozen=True, slots=True)
class Delta:
    """What an update changed: (attribute of a snapshot, resource name) pairs, and the node ids of the proxies."""

    changed: frozenset[tuple[str, str]]
    removed: frozenset[tuple[str, str]]
    proxies: frozenset[str]


class Compiler:
    """Compiles many proxies of one mesh and, after `update`, tells what that changed for those it has compiled."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._compiled: dict[str, tuple[Proxy, Snapshot]] = {}

    def compile(self, proxy: Proxy) -> Snapshot:
        """The configuration of `proxy`; the same value until the mesh or the proxy changes."""
        known = self._compiled.get(proxy.node_id)
        if known and known[0] == proxy:
            return known[1]
        # What only reads a mesh, as `lateen analyze` does, need not wait for these: a third of the whole import.
        from lateen.scope.scope import scope  # noqa: PLC0415
        from lateen.xds.compile import compile_scope  # noqa: PLC0415

        view, diagnostics = scope(self.mesh, proxy)
        snapshot = compile_scope(view).with_diagnostics(diagnostics)
        self._compiled[proxy.node_id] = proxy, snapshot
        return snapshot

    def update(self, mesh: Mesh) -> Delta:
        """Take a new mesh and compile again every proxy that was compiled before."""
        before, self._compiled, self.mesh = self._compiled, {}, mesh
        changed: set[tuple[str, str]] = set()
        removed: set[tuple[str, str]] = set()
        proxies: set[str] = set()
        for node_id, (proxy, old) in before.items():
            new = self.compile(proxy)
            edits = set(_edits(old, new))
            gone = {key for key, present in edits if not present}
            changed |= {key for key, present in edits if present}
            removed |= gone
            if edits:
                proxies.add(node_id)
        return Delta(frozenset(changed), frozenset(removed - changed), frozenset(proxies))


def _edits(old: Snapshot, new: Snapshot) -> Iterator[tuple[tuple[str, str], bool]]:
    """Each resource that differs, and whether it still exists."""
    for attribute in TYPES:
        before: dict[str, Any] = getattr(old, attribute)
        after: dict[str, Any] = getattr(new, attribute)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                yield (attribute, name), name in after
