"""Extension providers that MeshConfig does not have."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import analyze as codes
from lateen.model.mesh import Mesh

CODES = (codes.UNKNOWN_PROVIDER,)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each provider that a Telemetry or a CUSTOM policy names and that does not exist."""
    for name, origin in _names(mesh):
        if mesh.config.provider(name) is None:
            known = ", ".join(sorted({p.name for p in mesh.config.providers} | {"prometheus", "envoy"}))
            yield codes.UNKNOWN_PROVIDER.at(origin, hint=f"known are {known}", provider=name)


def _names(mesh: Mesh) -> Iterator[tuple[str, Origin]]:
    for telemetry in mesh.telemetries:
        metrics = [item.providers for item in telemetry.metrics]
        logging = [item.providers for item in telemetry.access_logging]
        for part, lists in (("metrics", metrics), ("accessLogging", logging)):
            for index, names in enumerate(lists):
                for place, name in enumerate(names):
                    yield name, telemetry.ref.at("spec", part, index, "providers", place, "name")
    for policy in mesh.authorization_policies:
        if policy.provider:
            yield policy.provider, policy.ref.at("spec.provider.name")
