"""Names that other values carry: which resource something came from, and where that stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from lateen.diagnostics import Origin


@dataclass(frozen=True, slots=True)
class Ref:
    """The resource that a value came from.

    Kind, namespace and name are stable and go into Envoy (`metadata.filter_metadata.istio.config`);
    the origin is for people, takes no part in equality, and never reaches Envoy.
    """

    kind: str
    namespace: str
    name: str
    origin: Origin = field(default_factory=Origin, compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Selector:
    """Labels that a workload must carry; an empty selector selects every workload of the scope."""

    labels: tuple[tuple[str, str], ...] = ()

    def selects(self, labels: object) -> bool:
        """Whether a workload with these labels (a mapping) is selected."""
        return isinstance(labels, dict) and all(labels.get(k) == v for k, v in self.labels)

    def __bool__(self) -> bool:
        return bool(self.labels)
