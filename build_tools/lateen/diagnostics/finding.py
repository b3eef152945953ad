"""The values of a finding: where it is, how grave it is, what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How grave a finding is; comparable, so that a threshold is one comparison."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word that is printed and that `--failure-threshold` takes."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in the user's input.

    `line` and `column` count from 1; 0 means that the place is the whole file. An empty `file` is no place in an input:
    the fault lies in the usage or the machine. `resource` is `Kind namespace/name`, `field_path` the path inside it
    (`spec.http[0].route[1].weight`). The line of a `secret` place is never shown.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    resource: str = ""
    field_path: str = ""
    secret: bool = False

    def __str__(self) -> str:
        place = [self.file or "lateen"]
        if self.line:
            place += [str(self.line), str(self.column)]
        return ":".join(place)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of one input.

    `related` are further places that explain it (the other half of a conflict), `hint` says what to do.
    `istio` is the analyzer code of Istio that means the same, or empty.
    """

    code: str
    severity: Severity
    message: str
    origin: Origin
    related: tuple[Origin, ...] = ()
    hint: str = ""
    istio: str = ""

    def __str__(self) -> str:
        return f"{self.origin}: {self.code} {self.severity.label}: {self.message}"


class MeshError(Exception):
    """The input cannot be used.

    `diagnostics` holds every finding, not just the first; `mesh` what the valid documents gave (or None),
    so that a caller can report on those as well.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...], mesh: Any = None) -> None:
        self.diagnostics = diagnostics
        self.mesh = mesh
        super().__init__("\n".join(str(d) for d in diagnostics if d.severity is Severity.ERROR))

    def __reduce__(self) -> tuple[type[MeshError], tuple[tuple[Diagnostic, ...], Any]]:
        """To be raised in another process: by itself an exception is made anew of its text."""
        return type(self), (self.diagnostics, self.mesh)
