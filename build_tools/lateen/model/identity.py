"""Names that other values carry: which resource something came from, and where that stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lateen.diagnostics import Origin
from lateen.source.document import Document

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Ref:
    """The resource that a value came from.

    Kind, namespace and name are stable and go into Envoy (`metadata.filter_metadata.istio.config`);
    origin and document are for people, take no part in equality, and never reach Envoy.
    """

    kind: str
    namespace: str
    name: str
    origin: Origin = field(default_factory=Origin, compare=False)
    document: Document | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def at(self, *path: str | int, key: bool = False) -> Origin:
        """The place of a field of the resource: `ref.at("spec.http[0]", "route", 1)`; its key's with `key`.

        A step that is a string may be a path of its own, such as a rule's `path`. Where the field does not exist it is
        the place of the nearest part around it; without a document, that of the resource.
        """
        if self.document is None:
            return self.origin
        steps: list[str | int] = []
        for step in path:
            steps += [step] if isinstance(step, int) else _steps(step)
        return self.document.origin(tuple(steps), key=key, resource=self.origin.resource)


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for index, name in _STEP.findall(path)]


@dataclass(frozen=True, slots=True)
class Selector:
    """Labels that a workload must carry; an empty selector selects every workload of the scope."""

    labels: tuple[tuple[str, str], ...] = ()

    def selects(self, labels: object) -> bool:
        """Whether a workload with these labels (a mapping) is selected."""
        return isinstance(labels, dict) and all(labels.get(k) == v for k, v in self.labels)

    def __bool__(self) -> bool:
        return bool(self.labels)
