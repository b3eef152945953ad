"""Certificates that the mesh's own Secret documents carry, and ConfigMaps that pods read."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.diagnostics import Redacted
from lateen.model.identity import Ref


@dataclass(frozen=True, slots=True)
class Secret:
    """A Kubernetes Secret (decoded) or ConfigMap (`ref.kind` tells). `issue` is the host of `lateen/issue`."""

    ref: Ref
    data: dict[str, Redacted] = field(default_factory=dict, hash=False)
    issue: str = ""
