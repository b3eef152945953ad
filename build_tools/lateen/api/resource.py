"""A document of a known kind, held against its input schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lateen.diagnostics import Origin
from lateen.source.document import Document, Path


@dataclass(frozen=True, slots=True)
class Resource:
    """One object of the user's. `body` is the whole document as plain data; fields that the schema rejected are gone.

    `group` is `networking.istio.io`, `` (core) ...; `namespace` is never empty for a namespaced kind (`default`).
    """

    group: str
    version: str
    kind: str
    name: str
    namespace: str
    document: Document
    body: dict[str, Any] = field(hash=False)

    @property
    def spec(self) -> dict[str, Any]:
        """`spec`, empty if absent."""
        return self.body.get("spec") or {}

    @property
    def labels(self) -> dict[str, str]:
        """`metadata.labels`."""
        return self.body.get("metadata", {}).get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        """`metadata.annotations`."""
        return self.body.get("metadata", {}).get("annotations") or {}

    @property
    def created(self) -> str:
        """`metadata.creationTimestamp`, empty if absent."""
        return str(self.body.get("metadata", {}).get("creationTimestamp") or "")

    @property
    def title(self) -> str:
        """`Kind namespace/name`, as findings show it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def origin(self, *path: str | int, key: bool = False) -> Origin:
        """Where the field at `path` stands (`origin("spec", "http", 0)`)."""
        at: Path = path
        return self.document.origin(at, key=key, resource=self.title)
