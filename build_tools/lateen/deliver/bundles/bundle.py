"""What a form is given and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from lateen.diagnostics import Diagnostic
from lateen.model.workload import Workload
from lateen.xds.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Target:
    """One proxy and where it is to run: `at` is the folder of all bundles as its Envoy sees it."""

    snapshot: Snapshot
    workload: Workload
    at: str
    image: str

    @property
    def key(self) -> str:
        """`NAME.NAMESPACE`."""
        return self.workload.key


class Role(Enum):
    """When a file takes its place, for an Envoy that reads while the bundle is written."""

    BEFORE = "before"
    """As soon as possible: modules, secrets."""

    CLUSTERS = "clusters"
    """Before what routes to them; clusters that went stay for a while."""

    AFTER = "after"
    """Once Envoy has the clusters: listeners."""

    BOOTSTRAP = "bootstrap"
    """Read at the next start only."""


@dataclass(frozen=True, slots=True)
class File:
    """A file by its path relative to the folder of all bundles."""

    path: str
    content: bytes
    mode: int = 0o644
    role: Role = Role.BEFORE


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one proxy; one with an error among its findings is not written."""

    files: tuple[File, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


def json_bytes(value: Any) -> bytes:
    """Indented, so that a difference can be read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def modules(snapshot: Snapshot, folder: str) -> Iterator[File]:
    """The modules that a proxy's extensions name, in `folder`. Raises OSError if the bytes of one are not there."""
    for name, module in snapshot.modules.items():
        yield File(f"{folder}/{name}", module.content())
