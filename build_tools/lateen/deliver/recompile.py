"""From the files of a running mesh to a configuration for each of its proxies, or to the reasons why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lateen.analysis import analyze_unredirected
from lateen.compiler import Compiler, load
from lateen.deliver.encoding import Identity
from lateen.deliver.hosts import hosts_files
from lateen.deliver.issued import with_issued_secrets
from lateen.deliver.plan import Plan
from lateen.diagnostics import Diagnostic, MeshError, Origin, Severity
from lateen.diagnostics.codes.deliver import NEW_WORKLOAD, REMOVED_WORKLOAD, TRUST_DOMAIN_CHANGED, UNREADABLE
from lateen.identity import CertificateStore, spiffe_id
from lateen.model.mesh import Mesh
from lateen.model.virtual_addresses import with_virtual_addresses
from lateen.xds.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Compiled:
    """The configuration of each proxy of the plan that the mesh still has, by key, and what was found on the way.

    `hosts` are the contents of the plan's hosts files. `named_files` are files that files of the mesh name.
    """

    trust_domain: str
    snapshots: dict[str, Snapshot]
    findings: tuple[Diagnostic, ...]
    hosts: dict[Path, str] = field(default_factory=dict)
    named_files: tuple[Path, ...] = ()

    def identities(self, store: CertificateStore) -> dict[str, Identity]:
        """What each proxy proves itself with, renewed where half of a certificate's life has passed."""
        root = store.authority.root_pem
        return {key: Identity(store.workload(self._spiffe_id(s)), root) for key, s in self.snapshots.items()}

    def _spiffe_id(self, snapshot: Snapshot) -> str:
        return spiffe_id(self.trust_domain, snapshot.proxy.namespace, snapshot.proxy.service_account)


def recompile(plan: Plan, store: CertificateStore) -> Compiled:
    """Load and compile. Raises MeshError if that gives no configuration to put in force."""
    mesh = _load(plan)
    if mesh.config.trust_domain != store.authority.trust_domain:
        before, after = store.authority.trust_domain, mesh.config.trust_domain
        raise MeshError((TRUST_DOMAIN_CHANGED.at(Origin(), before=before, after=after),))
    mismatch = tuple(_mismatch(plan, mesh))
    known = {workload.key for workload in mesh.workloads}
    placements = {key: address for key, address in plan.placements.items() if key in known}
    mesh = with_issued_secrets(mesh, store).placed(placements)
    if plan.hosts:
        mesh = with_virtual_addresses(mesh)
    compiler = Compiler(mesh)
    snapshots: dict[str, Snapshot] = {}
    for proxy in mesh.proxies():
        key = f"{proxy.name}.{proxy.namespace}"
        if planned := plan.proxies.get(key):
            metadata = {**proxy.metadata, **planned.metadata}
            snapshots[key] = compiler.compile(replace(proxy, metadata=metadata))
    found = (*mesh.diagnostics, *(d for s in snapshots.values() for d in s.diagnostics), *mismatch)
    findings = tuple(dict.fromkeys(found))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise MeshError(findings, mesh)
    wanting = analyze_unredirected(mesh)  # what Istio takes and cannot work is told, and put in force as it would be
    return Compiled(
        mesh.config.trust_domain,
        snapshots,
        tuple(dict.fromkeys((*findings, *wanting))),
        hosts_files(mesh, plan.hosts),
        tuple(path for extension in mesh.extensions for path in extension.paths),
    )


def _load(plan: Plan) -> Mesh:
    try:
        return load(
            *plan.sources,
            mesh_config=plan.mesh_config,
            domain_suffix=plan.domain_suffix,
            strict=plan.strict,
            recursive=plan.recursive,
            cache=plan.cache,
        )
    except OSError as error:
        raise MeshError((UNREADABLE.at(Origin(str(plan.directory)), reason=error),)) from error


def _mismatch(plan: Plan, mesh: Mesh) -> Iterator[Diagnostic]:
    """Workloads that came or went since the plan was made."""
    hint = "restart `up` to add and remove workloads"
    for workload in mesh.workloads:
        if workload.pod is not None and not workload.addresses and workload.key not in plan.placements:
            yield NEW_WORKLOAD.at(workload.ref.origin, workload=workload.key, hint=hint)
    known = {workload.key for workload in mesh.workloads}
    for key in sorted(plan.placements.keys() - known):
        yield REMOVED_WORKLOAD.at(Origin(str(plan.directory)), workload=key, hint=hint)
